/// \file
/// A logger that puts the same fields into each line: the request and trace of a call, for one.
/// Thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <longbow/log.h>

namespace longbow::telemetry {

/// Hands lines on, with its fields behind their own. The name `trace_id` becomes the configured one
/// where the line is written. Does nothing for a level that is off.
class BoundLogger : public Logger {
 public:
  /// `to` outlives it; the fields, with their names, are copied.
  BoundLogger(Logger& to, const LogFields& fields) : to_(to) {
    // The views below would lose a short name that moves.
    names_.reserve(fields.size());
    fields_.reserve(fields.size());
    for (const auto& [name, value] : fields) {
      fields_.emplace_back(names_.emplace_back(name), value);
    }
  }
  BoundLogger(const BoundLogger&) = delete;
  BoundLogger& operator=(const BoundLogger&) = delete;

  void Log(LogLevel level, std::string_view message, const LogFields& fields = {}) override {
    if (!to_.enabled(level)) return;
    if (fields.empty()) return to_.Log(level, message, fields_);
    try {
      LogFields all;
      all.reserve(fields.size() + fields_.size());
      all.insert(all.end(), fields.begin(), fields.end());
      all.insert(all.end(), fields_.begin(), fields_.end());
      to_.Log(level, message, all);
    } catch (...) {
      // No memory for both: the line is worth more than the fields.
      to_.Log(level, message, fields_);
    }
  }
  bool enabled(LogLevel level) const override { return to_.enabled(level); }

 private:
  Logger& to_;
  std::vector<std::string> names_;
  LogFields fields_;  // named by names_
};

}  // namespace longbow::telemetry
