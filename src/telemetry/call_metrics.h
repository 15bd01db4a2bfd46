/// \file
/// What is counted about RPCs: for Prometheus, and for people who look at the node now.
///
/// Thread-safe. Nothing blocks beyond the short lock of a histogram, and nothing is allocated, but
/// for the first call of a method that ends with a code.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <longbow/clock.h>
#include <longbow/error.h>

namespace longbow::telemetry {

class MetricsRegistry;
class ServerMetrics;

/// A call that is over.
struct FinishedCall {
  int method = 0;                                ///< an index into the methods' names
  std::optional<ErrorCode> code = std::nullopt;  ///< nothing for a call without an error
  double duration_sec = 0;                       ///< from its begin to its end, the wait included
  double waited_sec = 0;                         ///< for its turn
  int64_t bytes_in = 0;                          ///< received
  int64_t bytes_out = 0;                         ///< sent
  int64_t rows_in = 0;
  int64_t rows_out = 0;
};

/// Makes these series; their labels have values from fixed sets only:
///
///     longbow_rpc_calls_total{method,code}   calls that ended; code is OK, a name of the
///     protocol's
///                                            (`ErrorName`), or CUSTOM for a module's
///     longbow_rpc_running{method}            calls that began and have not ended
///     longbow_rpc_waiting{method}            of them, those that wait for their turn
///     longbow_rpc_duration_seconds{method}   histogram
///     longbow_rpc_wait_seconds{method}       histogram
///     longbow_rpc_received_bytes_total{method}, longbow_rpc_sent_bytes_total{method}
///     longbow_rpc_received_rows_total{method}, longbow_rpc_sent_rows_total{method}
class CallMetrics {
 public:
  /// How it is with a method. The totals are those since the start.
  struct MethodNow {
    int64_t running = 0;
    int64_t waiting = 0;
    int64_t calls_total = 0;    ///< ended, however
    int64_t errors_total = 0;   ///< ended with a code, refused ones included
    int64_t refused_total = 0;  ///< BACKPRESSURE, NOT_READY, SHUTTING_DOWN
    double per_second = 0;      ///< calls that ended in the last 10 to 15 s
    double p50_ms = 0;          ///< durations of the last 60 s, within a quarter
    double p99_ms = 0;
  };

  /// `methods` are the names of the methods 0, 1 and so on. `registry` and `clock` outlive this.
  CallMetrics(MetricsRegistry* registry, const std::vector<std::string>& methods,
              const Clock* clock);
  CallMetrics(const CallMetrics&) = delete;
  CallMetrics& operator=(const CallMetrics&) = delete;
  ~CallMetrics();

  // A method that there is no name for is not counted.

  /// Each is followed by one `End`.
  void Begin(int method);
  /// 1 where a running call begins to wait, -1 where it no longer does.
  void Waiting(int method, int change);
  void End(const FinishedCall& call);

  /// Takes a few microseconds.
  MethodNow now(int method) const;

 private:
  class Codes;
  struct Method;

  Method* Find(int method) const;
  void ShowCode(Method* method, size_t code);
  void AddSeries(MetricsRegistry* registry, Method* method);

  const Clock* const clock_;
  const std::unique_ptr<const Codes> codes_;
  std::vector<std::unique_ptr<Method>> methods_;
  /// Last, so that no function is asked for a method that is gone.
  const std::unique_ptr<ServerMetrics> metrics_;
};

}  // namespace longbow::telemetry
