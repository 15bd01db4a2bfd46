/// \file
/// Signals as something to wait for, in place of handlers that interrupt.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <signal.h>

#include <arrow/result.h>

namespace longbow::server {

/// Takes SIGTERM, SIGINT and SIGHUP for the whole process, and makes SIGPIPE be ignored. Made by
/// the main thread before any other thread starts, since threads inherit what is blocked. One at a
/// time.
class SignalWatcher {
 public:
  static arrow::Result<std::unique_ptr<SignalWatcher>> Make();
  /// Puts back what was before.
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  /// Blocks until a signal comes, and returns its number; 0 where `other_fd` (or -1: none) became
  /// readable before, or `limit` is over. A signal that came earlier counts.
  int Wait(int other_fd = -1, std::optional<std::chrono::milliseconds> limit = {});

 private:
  SignalWatcher() = default;

  int fd_ = -1;
  sigset_t old_mask_;
  struct sigaction old_pipe_;
};

}  // namespace longbow::server
