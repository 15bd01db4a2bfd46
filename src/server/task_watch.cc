#include "server/task_watch.h"

#include <optional>

namespace longbow::server {
namespace {

double ToSeconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

telemetry::TaskOutcome OutcomeOf(const TaskEnd& end) {
  if (end.expired) return telemetry::TaskOutcome::kExpired;
  if (end.state == TaskState::kDone) return telemetry::TaskOutcome::kCompleted;
  if (end.state == TaskState::kFailed) return telemetry::TaskOutcome::kFailed;
  return telemetry::TaskOutcome::kCancelled;
}

}  // namespace

void TaskWatch::OnStarted(const std::string& service, std::chrono::nanoseconds waited) {
  metrics_->Started(service, ToSeconds(waited));
}

void TaskWatch::OnEnded(const std::string& service, const TaskEnd& end) {
  std::optional<double> run_sec;
  if (end.run) run_sec = ToSeconds(*end.run);
  metrics_->Ended(service, OutcomeOf(end), run_sec, ToSeconds(end.total));
}

}  // namespace longbow::server
