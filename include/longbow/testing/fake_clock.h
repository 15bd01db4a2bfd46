/// \file
/// A clock that a test moves by hand.
#pragma once

#include <chrono>
#include <mutex>

#include <longbow/clock.h>

namespace longbow::testing {

/// Stands still until `Advance`. Thread-safe; nothing blocks.
class FakeClock : public Clock {
 public:
  /// Begins at 2026-01-01 00:00:00 UTC, and one hour after the machine's start.
  FakeClock() = default;
  explicit FakeClock(WallTime start) : wall_(start) {}

  MonotonicTime Now() const override {
    std::lock_guard lock(mutex_);
    return monotonic_;
  }
  WallTime WallNow() const override {
    std::lock_guard lock(mutex_);
    return wall_;
  }

  /// Moves both times.
  void Advance(std::chrono::nanoseconds duration) {
    std::lock_guard lock(mutex_);
    monotonic_ += std::chrono::duration_cast<MonotonicTime::duration>(duration);
    wall_ += std::chrono::duration_cast<WallTime::duration>(duration);
  }
  /// Moves calendar time only, as an operator who sets the clock does. May go back.
  void AdvanceWall(std::chrono::nanoseconds duration) {
    std::lock_guard lock(mutex_);
    wall_ += std::chrono::duration_cast<WallTime::duration>(duration);
  }

 private:
  mutable std::mutex mutex_;
  MonotonicTime monotonic_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::seconds(1767225600)};
};

}  // namespace longbow::testing
