/// \file
/// What is counted about tasks, by service. Thread-safe; nothing blocks beyond a short lock.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::telemetry {

class MetricsRegistry;
class ServerMetrics;

/// How a task ended.
enum class TaskOutcome {
  kCompleted,
  kFailed,
  kCancelled,
  kExpired,  ///< Nobody came for it in time.
};

/// So many services have series of their own.
constexpr size_t kMaxMeasuredServices = 256;

/// Makes these series; tasks of a service that was not registered count as the service `other`:
///
///     longbow_tasks_queued{service}            tasks that wait for a worker
///     longbow_tasks_running{service}           tasks that a worker began, and that have not ended
///     longbow_tasks_total{service,outcome}     tasks that ended, by how (`TaskOutcome`)
///     longbow_task_wait_seconds{service}       histogram: from queued to started
///     longbow_task_run_seconds{service}        histogram: from started to ended
///     longbow_task_duration_seconds{service}   histogram: from queued to ended
///
/// A task is `Queued`, then perhaps `Started`, then `Ended`, once each.
class TaskMetrics {
 public:
  /// `registry` outlives this.
  explicit TaskMetrics(MetricsRegistry* registry);
  TaskMetrics(const TaskMetrics&) = delete;
  TaskMetrics& operator=(const TaskMetrics&) = delete;
  ~TaskMetrics();

  /// Gives services series of their own, `kMaxMeasuredServices` at most. Before their first task.
  void Register(const std::vector<std::string>& services);

  void Queued(std::string_view service);
  void Started(std::string_view service, double wait_sec);
  /// `run_sec` is nothing for a task that never started; `total_sec` counts from `Queued`.
  void Ended(std::string_view service, TaskOutcome outcome, std::optional<double> run_sec,
             double total_sec);

 private:
  class Services;

  const std::unique_ptr<ServerMetrics> metrics_;
  const std::unique_ptr<Services> services_;
};

}  // namespace longbow::telemetry
