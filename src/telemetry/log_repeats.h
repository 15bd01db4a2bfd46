/// \file
/// Which repeats of a log line go out, and which are only counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <longbow/clock.h>
#include <longbow/log.h>

namespace longbow::telemetry {

/// Lines that were only counted, when their window was over.
struct RepeatedLine {
  std::string component;
  LogLevel level = LogLevel::kWarning;
  std::string message;  ///< its beginning
  int64_t count = 0;    ///< of those that did not go out
};

/// Remembers the last messages, up to a number. A message's window begins with its first line; in
/// it the first few lines go out. Thread-safe; nothing blocks.
class LogRepeats {
 public:
  static constexpr size_t kMaxMessages = 512;
  /// Messages that differ only behind so many bytes are the same.
  static constexpr size_t kMaxMessageBytes = 1024;

  LogRepeats(int max_repeats, std::chrono::seconds window);

  /// Whether the line goes out. What ends by it, and what has to make room for it, is added to
  /// `ended`.
  bool Admit(std::string_view component, LogLevel level, std::string_view message,
             MonotonicTime now, std::vector<RepeatedLine>* ended);
  /// Whether `TakeEnded` could find something: cheap.
  bool MayHaveEnded(MonotonicTime now) const {
    return now.time_since_epoch().count() >= next_end_.load(std::memory_order_relaxed);
  }
  /// Whether there is a window that can end: cheap.
  bool empty() const { return next_end_.load(std::memory_order_relaxed) == kNever; }
  /// Forgets all messages whose window is over at `now`.
  std::vector<RepeatedLine> TakeEnded(MonotonicTime now);
  /// Forgets all.
  std::vector<RepeatedLine> TakeAll();

 private:
  using Ticks = MonotonicTime::rep;
  static constexpr Ticks kNever = MonotonicTime::max().time_since_epoch().count();
  struct Window {
    RepeatedLine line;
    MonotonicTime end;
    int admitted = 0;
  };
  using Windows = std::list<Window>;
  /// Component, level and message; the views are those of the window.
  using Key = std::tuple<std::string_view, LogLevel, std::string_view>;

  static Key KeyOf(const Window& window) {
    return {window.line.component, window.line.level, window.line.message};
  }
  void EndOldest(std::vector<RepeatedLine>* ended);
  void EndUntil(MonotonicTime now, std::vector<RepeatedLine>* ended);
  void SetNextEnd();

  const int max_repeats_;
  const std::chrono::seconds window_;
  std::mutex mutex_;
  Windows windows_;  // oldest first, which ends first
  std::map<Key, Windows::iterator> by_key_;
  std::atomic<Ticks> next_end_{kNever};
};

}  // namespace longbow::telemetry
