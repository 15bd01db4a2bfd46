/// \file
/// Time as an interface, so that tests need no sleep.
#pragma once

#include <chrono>
#include <functional>

namespace longbow {

/// A point in monotonic time: for waits and ages, never shown to people.
using MonotonicTime = std::chrono::steady_clock::time_point;
/// A point in calendar time (UTC): for expiry that clients see.
using WallTime = std::chrono::system_clock::time_point;

/// Tells the time. Thread-safe; nothing blocks.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

/// The machine's clocks.
class SystemClock : public Clock {
 public:
  MonotonicTime Now() const override;
  WallTime WallNow() const override;
};

}  // namespace longbow
