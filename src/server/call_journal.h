/// \file
/// What becomes of finished calls: numbers for `/metrics`, a line in the log, and the last errors
/// for the status page.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/clock.h>
#include <longbow/error.h>
#include <longbow/log.h>

#include "telemetry/call_metrics.h"
#include "transport/call_observer.h"

namespace longbow::server {

/// Which finished calls get a line of their own.
enum class CallLines {
  kAll,
  kSlow,    ///< those that were slow, or failed
  kFailed,  ///< those that failed
  kNone,
};
/// `all`, `slow`, `failed` or `none`; anything else is `kAll`.
CallLines ParseCallLines(std::string_view name);

/// All methods, in the order of their numbers.
std::vector<std::string> MethodNames();
inline constexpr int kMethods = 10;

/// A call that failed.
struct FailedCall {
  WallTime time;
  std::string method;
  ErrorCode code = ErrorCode::kUnknown;
  std::string message;
  std::string request_id;
  std::string principal;
};

/// Thread-safe. Writes its lines on the thread that ends the call.
class CallJournal : public transport::CallObserver {
 public:
  /// Kept for the status page.
  static constexpr size_t kMaxErrors = 50;

  /// All outlive it.
  CallJournal(telemetry::CallMetrics* metrics, Logger* logger, const Clock* clock)
      : metrics_(metrics), logger_(logger), clock_(clock) {}

  /// From now on; at any time.
  void Configure(CallLines lines, std::chrono::milliseconds slow);

  void OnBegin(transport::Method method) override;
  void OnWait(transport::Method method, bool waits) override;
  void OnEnd(const transport::FinishedCall& call) override;

  /// Newest first.
  std::vector<FailedCall> errors() const;

 private:
  void WriteLine(const transport::FinishedCall& call, bool slow);
  void Remember(const transport::FinishedCall& call);

  telemetry::CallMetrics* const metrics_;
  Logger* const logger_;
  const Clock* const clock_;
  std::atomic<CallLines> lines_{CallLines::kAll};
  std::atomic<int64_t> slow_ns_{1'000'000'000};
  mutable std::mutex mutex_;
  std::deque<FailedCall> errors_;  // newest last
};

}  // namespace longbow::server
