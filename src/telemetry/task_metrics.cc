#include "telemetry/task_metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include <longbow/metrics.h>

#include "telemetry/metrics_registry.h"

namespace longbow::telemetry {
namespace {

constexpr char kOther[] = "other";

// From a task that only looks something up to one that runs for half an hour.
std::vector<double> TaskBuckets() {
  return {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800};
}

// In the order of the enumeration.
constexpr std::array<const char*, 4> kOutcomes = {"completed", "failed", "cancelled", "expired"};

/// One service's metrics.
struct ServiceSeries {
  ServiceSeries(Metrics* metrics, const std::string& service)
      : ServiceSeries(metrics, MetricLabels{{"service", service}}) {}

  ServiceSeries(Metrics* metrics, MetricLabels labels)
      : queued(metrics->AddGauge("tasks_queued", "Tasks that wait for a worker.", labels)),
        running(metrics->AddGauge("tasks_running", "Tasks that began and have not ended.", labels)),
        wait(metrics->AddHistogram("task_wait_seconds", "How long tasks waited for a worker.",
                                   TaskBuckets(), labels)),
        run(metrics->AddHistogram("task_run_seconds", "How long tasks ran, without their wait.",
                                  TaskBuckets(), labels)),
        duration(metrics->AddHistogram("task_duration_seconds",
                                       "How long tasks took, from queued to ended.", TaskBuckets(),
                                       labels)) {
    for (size_t i = 0; i < kOutcomes.size(); ++i) {
      labels["outcome"] = kOutcomes[i];
      ended[i] = &metrics->AddCounter("tasks_total", "Tasks that ended, by how.", labels);
    }
  }

  Gauge& queued;
  Gauge& running;
  Histogram& wait;
  Histogram& run;
  Histogram& duration;
  std::array<Counter*, kOutcomes.size()> ended{};
};

}  // namespace

/// Who has series of its own. Thread-safe.
class TaskMetrics::Services {
 public:
  explicit Services(Metrics* metrics) : metrics_(metrics), other_(metrics, kOther) {}

  void Add(const std::string& service) {
    std::unique_lock lock(mutex_);
    if (service == kOther || by_name_.size() == kMaxMeasuredServices) return;
    by_name_.try_emplace(service, metrics_, service);
  }

  /// Lives as long as this does.
  const ServiceSeries& Find(std::string_view service) const {
    std::shared_lock lock(mutex_);
    auto it = by_name_.find(service);
    return it == by_name_.end() ? other_ : it->second;
  }

 private:
  Metrics* const metrics_;
  const ServiceSeries other_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, const ServiceSeries, std::less<>> by_name_;
};

TaskMetrics::TaskMetrics(MetricsRegistry* registry)
    : metrics_(registry->ForPart(kMetricPrefix)),
      services_(std::make_unique<Services>(metrics_.get())) {}

TaskMetrics::~TaskMetrics() = default;

void TaskMetrics::Register(const std::vector<std::string>& services) {
  for (const std::string& service : services) services_->Add(service);
}

void TaskMetrics::Queued(std::string_view service) { services_->Find(service).queued.Add(1); }

void TaskMetrics::Started(std::string_view service, double wait_sec) {
  const ServiceSeries& series = services_->Find(service);
  series.queued.Add(-1);
  series.running.Add(1);
  series.wait.Observe(std::max(wait_sec, 0.0));
}

void TaskMetrics::Ended(std::string_view service, TaskOutcome outcome,
                        std::optional<double> run_sec, double total_sec) {
  const ServiceSeries& series = services_->Find(service);
  if (run_sec) {
    series.running.Add(-1);
    series.run.Observe(std::max(*run_sec, 0.0));
  } else {
    series.queued.Add(-1);
  }
  series.duration.Observe(std::max(total_sec, 0.0));
  series.ended[static_cast<size_t>(outcome)]->Increment();
}

}  // namespace longbow::telemetry
