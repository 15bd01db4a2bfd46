/// \file
/// Log lines: what happened, to what, and what to do.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longbow {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Names and values that belong to a line, such as `{"task", id}`.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

/// Writes log lines. Thread-safe; may drop lines rather than block for long.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Log(LogLevel level, std::string_view message, const LogFields& fields = {}) = 0;
  /// Whether a line of that level would be written: what makes costly fields asks first.
  virtual bool enabled(LogLevel level) const = 0;

  void Debug(std::string_view m, const LogFields& f = {}) { Log(LogLevel::kDebug, m, f); }
  void Info(std::string_view m, const LogFields& f = {}) { Log(LogLevel::kInfo, m, f); }
  void Warning(std::string_view m, const LogFields& f = {}) { Log(LogLevel::kWarning, m, f); }
  void Error(std::string_view m, const LogFields& f = {}) { Log(LogLevel::kError, m, f); }
};

/// Writes nothing.
class NullLogger : public Logger {
 public:
  void Log(LogLevel, std::string_view, const LogFields&) override {}
  bool enabled(LogLevel) const override { return false; }
};

}  // namespace longbow
