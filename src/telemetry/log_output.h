/// \file
/// Where log lines go: a file, or a descriptor that may be a pipe whose reader has stopped.
///
/// Lines are written whole and one after the other. One that cannot be written in time, or at all,
/// is dropped and counted; before the next that can, a notice says so.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <arrow/result.h>
#include <arrow/status.h>

namespace longbow::telemetry {

struct LogOutputOptions {
  std::string file;     ///< appended to, created with mode 0640; if empty, `fd` is used
  int fd = 2;           ///< not owned, and its flags are left as they are
  int max_wait_ms = 0;  ///< of one line, whatever it waits for
  /// Makes the line that tells how many were dropped, and why the last of them; with its end.
  /// Called while a line is written: must not write one.
  std::function<std::string(int64_t dropped, std::string_view reason)> notice;
};

/// Thread-safe. `Write` waits for `max_wait_ms` at most, but for disks, which are taken to be
/// there.
class LogOutput {
 public:
  /// Errors: BAD_ARGUMENT where the file cannot be opened.
  static arrow::Result<std::unique_ptr<LogOutput>> Open(LogOutputOptions options);
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;
  ~LogOutput();

  /// Writes a line, which has its end.
  void Write(std::string_view line);
  /// Writes the notice, if lines were dropped since the last and it can be written at once.
  void TellDropped();
  /// Opens the file anew, or looks anew at what the descriptor is. On an error the old file stays.
  arrow::Status Reopen();

  int64_t written() const { return written_.load(std::memory_order_relaxed); }
  int64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  /// How to write without being held up.
  enum class Kind {
    kDirect,  ///< Files and devices such as /dev/null do not wait.
    kSocket,  ///< Can be told not to wait.
    kPolled,  ///< All else may wait, unless `poll` says that there is room.
  };
  class Turn;

  explicit LogOutput(LogOutputOptions options) : options_(std::move(options)) {}
  static Kind KindOf(int fd);
  arrow::Result<int> OpenFile() const;
  bool WriteNotice(Turn* turn);
  bool WriteAll(std::string_view line, Turn* turn);
  bool Send(std::string_view text, Turn* turn);
  int64_t SendSome(std::string_view text) const;
  void CountDropped();

  const LogOutputOptions options_;
  std::mutex mutex_;
  std::condition_variable turn_over_;
  int fd_ = -1;
  Kind kind_ = Kind::kPolled;
  bool waiting_ = false;  // somebody waits for the reader in the middle of a turn, without the lock
  bool torn_ = false;     // the last line broke off in its middle
  int64_t untold_ = 0;    // dropped since the last notice
  std::string drop_reason_;  // of the last
  std::atomic<int64_t> written_{0};
  std::atomic<int64_t> dropped_{0};
};

}  // namespace longbow::telemetry
