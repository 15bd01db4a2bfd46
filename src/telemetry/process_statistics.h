/// \file
/// What the process takes of the machine, as the kernel tells it. Linux only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <arrow/result.h>

#include <longbow/clock.h>

namespace longbow::telemetry {

struct ProcessStatistics {
  int64_t rss_bytes = 0;        ///< memory that is in use now, of files that are mapped, too
  int64_t anonymous_bytes = 0;  ///< of it, what the kernel cannot drop and read again from a file
  int64_t threads = 0;
  int64_t open_files = 0;        ///< descriptors, sockets included
  int64_t open_files_limit = 0;  ///< the largest number of them; INT64_MAX for no limit
  double cpu_seconds = 0;        ///< of all threads, in user and system mode
  WallTime started;
};

/// Looks at this process. Thread-safe; reads files that the kernel makes up, and waits for no disk.
class ProcessProbe {
 public:
  virtual ~ProcessProbe() = default;
  /// Reads `/proc/self`. Errors: INTERNAL_ERROR where that is not there.
  static arrow::Result<std::unique_ptr<ProcessProbe>> Make();

  /// Everything. Takes some tens of microseconds, and a millisecond with thousands of open files.
  /// Errors: INTERNAL_ERROR where the kernel says something that is not understood.
  virtual arrow::Result<ProcessStatistics> Read() const = 0;
  /// `ProcessStatistics::anonymous_bytes` alone. Takes one or two microseconds. Errors as `Read`.
  virtual arrow::Result<int64_t> AnonymousMemory() const = 0;
};

/// `/proc/self/statm`, in pages.
struct MemoryPages {
  int64_t resident = 0;
  int64_t shared = 0;  ///< of `resident`, those of files and of memory shared with other processes
};
/// Pure. Errors: INTERNAL_ERROR for a text that is not such.
arrow::Result<MemoryPages> ParseStatm(std::string_view text);

/// The fields of `/proc/self/stat` that are of use here.
struct ProcessStat {
  int64_t user_ticks = 0;
  int64_t system_ticks = 0;
  int64_t threads = 0;
  int64_t start_ticks = 0;  ///< since the machine's start
};
/// Pure. The process's name in it may be anything. Errors: INTERNAL_ERROR for a text that is not
/// such.
arrow::Result<ProcessStat> ParseStat(std::string_view text);

}  // namespace longbow::telemetry
