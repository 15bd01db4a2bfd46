/// \file
/// Runs callbacks later: for limits on waits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <longbow/clock.h>

namespace longbow {

/// Thread-safe.
class Timer {
 public:
  /// Callbacks that have not run are dropped.
  virtual ~Timer() = default;
  /// One thread, started here, joined by the destructor; where a callback destroys the timer, the
  /// thread ends by itself. `clock` outlives it.
  static std::unique_ptr<Timer> Make(const Clock* clock);
  /// Runs `callback` on the timer's thread at `when`; it must not block. Returns an id for
  /// `Cancel`.
  virtual int64_t Schedule(MonotonicTime when, std::function<void()> callback) = 0;
  /// Drops the callback. False where it has run or is running.
  virtual bool Cancel(int64_t id) = 0;
};

}  // namespace longbow
