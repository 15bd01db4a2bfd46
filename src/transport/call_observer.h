/// \file
/// Who watches calls come and go: for metrics, log lines and the status page.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include <arrow/status.h>

#include "transport/call.h"

namespace longbow::transport {

/// A call that is over. Valid during `CallObserver::OnEnd`.
struct FinishedCall {
  Method method = Method::kHandshake;
  std::string_view request_id;
  std::string_view peer;
  std::string_view principal;
  std::string_view trace_id;  ///< hexadecimal; empty where there is no trace
  /// As it was finished; COMMAND_CANCELLED where the client went before.
  const arrow::Status& status;
  /// From the request until gRPC was through with the answer.
  std::chrono::nanoseconds duration{0};
  const CallStatistics& statistics;
  const std::vector<CallAnnotation>& annotations;
};

/// Thread-safe. On one of gRPC's threads; must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  /// A call of one of Flight's methods has come. Each is followed by one `OnEnd`.
  virtual void OnBegin(Method method) = 0;
  /// A call begins to wait for its turn, or waits no longer.
  virtual void OnWait(Method method, bool waits) = 0;
  virtual void OnEnd(const FinishedCall& call) = 0;
};

}  // namespace longbow::transport
