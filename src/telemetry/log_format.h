/// \file
/// What a log line looks like. Everything that is logged may come from an enemy: no value can end a
/// line, forge a part of it, or command a terminal. All is thread-safe; nothing blocks.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "telemetry/logger.h"

namespace longbow::telemetry {

/// Of each value and message, bytes.
inline constexpr size_t kMaxLogValueBytes = 16 * 1024;
/// Of one line; fields are left out where it would become longer by more than a value.
inline constexpr size_t kMaxLogLineBytes = 64 * 1024;
inline constexpr size_t kMaxLogFields = 64;
/// The field that tells how many were left out.
inline constexpr std::string_view kLeftOutField = "fields_left_out";

/// Everything that a line says. Views are valid during one call.
struct LogLine {
  WallTime time;
  LogLevel level = LogLevel::kInfo;
  std::string_view component;  ///< may be empty
  std::string_view message;
  const LogFields& fields;
};

/// Makes the text of lines.
class LogFormat {
 public:
  virtual ~LogFormat() = default;
  /// Without an end of line.
  virtual std::string Format(const LogLine& line) const = 0;

  static std::unique_ptr<LogFormat> MakeJson(LogKeys keys);
  static std::unique_ptr<LogFormat> MakeText(LogKeys keys, bool colours);
};

/// `debug`, `info`, `warning` or `error`.
std::string_view LogLevelName(LogLevel level);

/// What a field is called in its line: `name`, with `underscores` times `_` behind it.
struct FieldName {
  std::string_view name;
  size_t underscores = 0;
};

/// Names `fields[index]` such that it cannot be taken for another part of the line. Nothing where
/// an earlier field has the same name and value: then one is enough.
std::optional<FieldName> NameField(const LogKeys& keys, const LogFields& fields, size_t index);

/// The length of the character at the beginning of `text`, which is valid UTF-8 and not empty,
/// where it does something to a terminal or a viewer instead of being seen: controls, separators of
/// lines, changes of direction. Otherwise 0.
size_t ControlLength(std::string_view text);

/// The length of the beginning of `text` that is ASCII without controls, `"` and `\`.
size_t PlainLength(std::string_view text);

}  // namespace longbow::telemetry
