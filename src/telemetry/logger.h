/// \file
/// Log lines on a file descriptor: JSON for machines, or coloured text for people.
///
/// A JSON line is an object with `time` (UTC, RFC 3339, milliseconds), `level`, `message`, and the
/// line's fields, all texts; a field named like one of the first three gets a `_` at its end.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <longbow/log.h>

namespace longbow::telemetry {

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  ///< Lines below it are not written.
  bool for_people = false;           ///< text instead of JSON
  bool colours = false;              ///< of text
  int fd = 2;                        ///< where to; not owned
  /// How long a line may wait for a reader that is slow, before it is dropped. After one was
  /// dropped, lines do not wait at all until the reader takes some again; then a line tells how
  /// many are missing.
  int max_wait_ms = 100;
};

/// Makes a logger. Its functions never throw, and wait no longer than `max_wait_ms`. A line goes
/// out as soon as it is logged, so the last words before a crash are there.
std::unique_ptr<Logger> MakeLogger(const LogOptions& options);

/// `debug`, `info`, `warning` or `error`, as in the setting `log_level`; anything else is `kInfo`.
LogLevel ParseLogLevel(std::string_view name);

}  // namespace longbow::telemetry
