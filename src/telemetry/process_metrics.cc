#include "telemetry/process_metrics.h"

#include <chrono>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include <arrow/memory_pool.h>

#include <longbow/version.h>

#include "telemetry/metrics_registry.h"
#include "telemetry/process_statistics.h"

namespace longbow::telemetry {
namespace {

// One scrape asks for all of them one after the other.
constexpr std::chrono::milliseconds kMaxAge{500};

}  // namespace

/// What was last read. Thread-safe.
class ProcessMetrics::Latest {
 public:
  Latest(const ProcessProbe* probe, const Clock* clock) : probe_(probe), clock_(clock) {}

  /// What `pick` makes of it, or NaN, which is no sample, where the process cannot be looked at.
  template <typename Pick>
  double Get(const Pick& pick) {
    std::lock_guard lock(mutex_);
    const MonotonicTime now = clock_->Now();
    if (!read_at_ || now - *read_at_ > kMaxAge) {
      read_at_ = now;
      statistics_ = probe_->Read();
    }
    if (!statistics_.ok()) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(pick(*statistics_));
  }

 private:
  const ProcessProbe* const probe_;
  const Clock* const clock_;
  std::mutex mutex_;
  std::optional<MonotonicTime> read_at_;
  arrow::Result<ProcessStatistics> statistics_{ProcessStatistics{}};
};

ProcessMetrics::ProcessMetrics(const ProcessMetricsOptions& options)
    : latest_(std::make_unique<Latest>(options.probe, options.clock)),
      conventional_(options.registry->ForPart("")),
      own_(options.registry->ForPart(kMetricPrefix)) {
  AddConventional();
  AddOwn(options);
}

ProcessMetrics::~ProcessMetrics() = default;

void ProcessMetrics::AddConventional() {
  Latest* latest = latest_.get();
  auto gauge = [&](const char* name, const char* help, auto pick) {
    conventional_->AddGaugeFunction(name, help, [latest, pick] { return latest->Get(pick); });
  };
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
        [](const ProcessStatistics& s) { return s.rss_bytes; });
  gauge("process_open_fds", "Number of open file descriptors.",
        [](const ProcessStatistics& s) { return s.open_files; });
  gauge("process_max_fds", "Maximum number of open file descriptors.",
        [](const ProcessStatistics& s) { return s.open_files_limit; });
  gauge("process_threads", "Number of threads.",
        [](const ProcessStatistics& s) { return s.threads; });
  gauge("process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.",
        [](const ProcessStatistics& s) {
          return std::chrono::duration<double>(s.started.time_since_epoch()).count();
        });
  conventional_->AddCounterFunction(
      "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
      [latest] { return latest->Get([](const ProcessStatistics& s) { return s.cpu_seconds; }); });
}

void ProcessMetrics::AddOwn(const ProcessMetricsOptions& options) {
  Latest* latest = latest_.get();
  own_->AddGaugeFunction(
      "memory_anonymous_bytes",
      "Memory that no file stands behind: what the memory limits look at.", [latest] {
        return latest->Get([](const ProcessStatistics& s) { return s.anonymous_bytes; });
      });
  if (const arrow::MemoryPool* pool = options.arrow_pool) {
    own_->AddGaugeFunction("arrow_pool_bytes", "What Arrow's memory pool has handed out.",
                           [pool] { return static_cast<double>(pool->bytes_allocated()); });
    own_->AddGaugeFunction("arrow_pool_peak_bytes",
                           "The most that Arrow's memory pool has handed out at a time.",
                           [pool] { return static_cast<double>(pool->max_memory()); });
  }
  MetricLabels build = options.build;
  build["version"] = LONGBOW_VERSION;
  build["arrow_version"] = ARROW_VERSION_STRING;
  own_->AddGauge("build_info", "What this program was built from; always 1.", build).Set(1);
}

}  // namespace longbow::telemetry
