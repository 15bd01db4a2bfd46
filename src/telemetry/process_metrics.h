/// \file
/// What the process takes, and what it is, as metrics. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include <longbow/clock.h>
#include <longbow/metrics.h>

namespace longbow::telemetry {

class MetricsRegistry;
class ProcessProbe;
class ServerMetrics;

struct ProcessMetricsOptions {
  MetricsRegistry* registry = nullptr;
  const ProcessProbe* probe = nullptr;
  const Clock* clock = nullptr;
  /// Arrow's memory pool; may be null, then its metrics are missing.
  const arrow::MemoryPool* arrow_pool = nullptr;
  /// Labels of `longbow_build_info` beside `version` and `arrow_version`, such as `duckdb_version`.
  MetricLabels build = {};
};

/// Makes these, under the names that Prometheus' clients agree on:
///
///     process_resident_memory_bytes, process_cpu_seconds_total, process_open_fds, process_max_fds,
///     process_start_time_seconds, process_threads
///
/// and of Longbow's own:
///
///     longbow_memory_anonymous_bytes    what the memory limits look at
///     longbow_arrow_pool_bytes, longbow_arrow_pool_peak_bytes
///     longbow_build_info{version,arrow_version,...}   1
///
/// The process is looked at once for all of them, at most every half second. Where it cannot be,
/// they are missing.
class ProcessMetrics {
 public:
  /// All that `options` points to outlives this.
  explicit ProcessMetrics(const ProcessMetricsOptions& options);
  ProcessMetrics(const ProcessMetrics&) = delete;
  ProcessMetrics& operator=(const ProcessMetrics&) = delete;
  ~ProcessMetrics();

 private:
  class Latest;

  void AddConventional();
  void AddOwn(const ProcessMetricsOptions& options);

  const std::unique_ptr<Latest> latest_;
  // Last, so that no function asks for what is gone.
  const std::unique_ptr<ServerMetrics> conventional_;
  const std::unique_ptr<ServerMetrics> own_;
};

}  // namespace longbow::telemetry
