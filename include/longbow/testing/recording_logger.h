/// \file
/// A logger that keeps its lines, for tests that look at them.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <longbow/log.h>

namespace longbow::testing {

/// Thread-safe; nothing blocks.
class RecordingLogger : public Logger {
 public:
  struct Line {
    LogLevel level;
    std::string message;
    std::vector<std::pair<std::string, std::string>> fields;
  };

  void Log(LogLevel level, std::string_view message, const LogFields& fields = {}) override {
    Line line{level, std::string(message), {}};
    for (const auto& [name, value] : fields) line.fields.emplace_back(name, value);
    std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  bool enabled(LogLevel) const override { return true; }

  /// All lines so far.
  std::vector<Line> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }

  /// Whether a line's message, or the value of one of its fields, contains `text`.
  bool Contains(std::string_view text) const {
    std::lock_guard lock(mutex_);
    for (const Line& line : lines_) {
      if (line.message.find(text) != std::string::npos) return true;
      for (const auto& [name, value] : line.fields) {
        if (value.find(text) != std::string::npos) return true;
      }
    }
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

}  // namespace longbow::testing
