/// \file
/// Log lines on a file descriptor or in a file: JSON for machines, or coloured text for people.
///
/// A JSON line is an object with `time` (UTC, RFC 3339, milliseconds), `level`, `component` (where
/// the line has one), `message`, and the line's fields, all texts. A field that is named like one
/// of these gets a `_` at its end, as does one whose name an earlier field has with another value.
/// A `Log` and all its loggers are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/clock.h>
#include <longbow/log.h>

namespace longbow::telemetry {

/// What the parts of a JSON line are called. All different, 1 to 64 bytes of printable ASCII, and
/// none is `component`.
struct LogKeys {
  std::string time = "time";
  std::string level = "level";
  std::string message = "message";
  std::string trace = "trace_id";  ///< what a field that is named `trace_id` is called
};

/// The levels of components by name; one that is not in it has the log's level.
using ComponentLevels = std::map<std::string, LogLevel, std::less<>>;

/// What to write instead of a message or a field's value; empty: that itself. A name of which
/// anything is returned becomes `hidden`. It sees them whole and as they are, before anything is
/// cut or escaped. Runs on the thread that logs; must be cheap, thread-safe and must not log. A
/// line for which it throws is lost.
using LogRedaction = std::function<std::optional<std::string>(std::string_view text)>;

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  ///< Lines below it are not written.
  bool for_people = false;           ///< text instead of JSON
  bool colours = false;              ///< of text
  int fd = 2;                        ///< where to; not owned
  /// How long a line may wait for a reader that is slow, before it is dropped. After one was
  /// dropped, lines do not wait at all until the reader takes some again; then a line tells how
  /// many are missing.
  int max_wait_ms = 100;
  ComponentLevels component_levels;
  LogKeys keys;
  /// If not empty, lines are appended to this file, which is created with mode 0640, and `fd` is
  /// not used.
  std::string file;
  /// So many warnings or errors with one message of one component go out in a window, which begins
  /// with the first; one more line tells how many were left out. 0: all go out. Of a message, the
  /// first KiB counts.
  int max_repeats = 10;
  int repeat_window_sec = 10;
  LogRedaction redact;  ///< may be empty
};

/// The loggers of all components, and where their lines go. No function throws; logging waits no
/// longer than `max_wait_ms`. A line goes out as soon as it is logged, so that the last words
/// before a crash are there.
class Log {
 public:
  struct Statistics {
    int64_t written = 0;     ///< lines that went out
    int64_t dropped = 0;     ///< lines that could not be written, in time or at all
    int64_t suppressed = 0;  ///< repeats that were only counted
  };

  /// `clock` outlives the log. Errors: BAD_ARGUMENT where the keys, a limit, or the file (its name,
  /// and why it cannot be opened) are wrong.
  static arrow::Result<std::unique_ptr<Log>> Make(LogOptions options, const Clock* clock);
  /// Writes what `Tick` would write if all windows were over. Nobody may log any more.
  virtual ~Log() = default;

  /// The logger whose lines carry `component`: the same for the same name, of which the first 64
  /// bytes count. It lives as long as the log. The empty name gives lines without a component.
  /// There are at most 256; all later names share one logger, whose lines have the component
  /// `other`.
  virtual Logger& component(std::string_view name) = 0;

  /// Replaces all levels; those who log meanwhile are not held up.
  virtual void SetLevels(LogLevel level, ComponentLevels component_levels) = 0;

  /// Components that have a level of their own, and no logger (yet): misspelt, or not in use.
  virtual std::vector<std::string> UnusedLevels() const = 0;

  /// Replaces the redaction. When it returns, the old one is no longer running.
  virtual void SetRedact(LogRedaction redact) = 0;

  /// Opens the file anew, after somebody has renamed it; does nothing else where there is no file.
  /// Errors: BAD_ARGUMENT where it cannot be opened; then the old one stays in use. Waits for a
  /// line that is just being written.
  virtual arrow::Status Reopen() = 0;

  /// Tells of repeats whose window is over, and of dropped lines as soon as there is room.
  /// Something calls it about once a second; what is logged in between does the same.
  virtual void Tick() = 0;

  virtual Statistics statistics() const = 0;
};

/// A log that has only the logger without a component, on the machine's clock. Where `Log::Make`
/// would fail, the first line says why, and lines go to `fd` with the usual keys.
std::unique_ptr<Logger> MakeLogger(const LogOptions& options);

/// `debug`, `info`, `warning` or `error`, as in the setting `log_level`; anything else is `kInfo`.
LogLevel ParseLogLevel(std::string_view name);

}  // namespace longbow::telemetry
