/// \file
/// Host names to addresses, with an end: the system's own function may take half a minute.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <arrow/result.h>

namespace longbow::telemetry {

/// `Resolve` is called by one thread at a time, `Cancel` by any.
class HostResolver {
 public:
  explicit HostResolver(std::string host);
  /// A lookup that runs goes on alone, and its answer is lost.
  ~HostResolver();

  /// The host's addresses, numeric, at least one. Blocks for `limit` at most. A lookup that took
  /// longer goes on, and the next call waits for the same one.
  /// Errors: NOT_FOUND, TIMEOUT; COMMAND_CANCELLED after `Cancel`.
  arrow::Result<std::vector<std::string>> Resolve(std::chrono::milliseconds limit);
  void Cancel();

 private:
  struct Lookup;
  const std::string host_;
  std::mutex mutex_;  // of the pointer and the flag
  std::shared_ptr<Lookup> lookup_;
  bool cancelled_ = false;
};

}  // namespace longbow::telemetry
