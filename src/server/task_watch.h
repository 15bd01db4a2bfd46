/// \file
/// Hands what happens to tasks on to their metrics.
#pragma once

#include <string>

#include "task/task_observer.h"
#include "telemetry/task_metrics.h"

namespace longbow::server {

/// Thread-safe.
class TaskWatch : public TaskObserver {
 public:
  /// `metrics` outlives it.
  explicit TaskWatch(telemetry::TaskMetrics* metrics) : metrics_(metrics) {}

  void OnQueued(const std::string& service) override { metrics_->Queued(service); }
  void OnStarted(const std::string& service, std::chrono::nanoseconds waited) override;
  void OnEnded(const std::string& service, const TaskEnd& end) override;

 private:
  telemetry::TaskMetrics* const metrics_;
};

}  // namespace longbow::server
