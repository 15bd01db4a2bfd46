#include "server/node_view.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

#include <arrow/memory_pool.h>
#include <nlohmann/json.hpp>

#include <longbow/error.h>
#include <longbow/version.h>

namespace longbow::server {
namespace {

using http::NodeStatus;
using nlohmann::json;

double SecondsBetween(WallTime from, WallTime to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

bool IsOver(const TaskInfo& task) {
  return task.state == TaskState::kDone || task.state == TaskState::kFailed ||
         task.state == TaskState::kCancelled;
}

}  // namespace

std::string Rfc3339(WallTime time) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  struct tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[64];
  const size_t length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof(text) - length, ".%03dZ", static_cast<int>(ms % 1000));
  return text;
}

NodeView::NodeView(NodeViewParts parts) : parts_(std::move(parts)), started_(parts_.clock->Now()) {}

NodeStatus NodeView::Status() const {
  NodeStatus status;
  status.node = parts_.options->dispatcher.node_id;
  status.version = LONGBOW_VERSION;
  status.location = parts_.location();
  status.state = flight::NodeStateName(parts_.health->state());
  status.reason = parts_.health->reason();
  for (const std::string& problem : parts_.problems()) {
    status.reason += (status.reason.empty() ? "" : "; ") + problem;
  }
  status.uptime_seconds = std::chrono::duration<double>(parts_.clock->Now() - started_).count();
  AddModules(&status);
  AddMethods(&status);
  AddTasks(&status);
  AddResources(&status);
  AddErrors(&status);
  return status;
}

void NodeView::AddModules(NodeStatus* status) const {
  const WallTime now = parts_.clock->WallNow();
  for (const auto& module : parts_.health->modules()) {
    status->modules.push_back({module.name, module.version,
                               std::string(flight::ModuleStateName(module.state)), module.reason,
                               SecondsBetween(module.since, now)});
  }
}

void NodeView::AddMethods(NodeStatus* status) const {
  const auto names = MethodNames();
  for (int i = 0; i < kMethods; ++i) {
    const auto now = parts_.calls->now(i);
    const auto kind = flight::KindOf(static_cast<transport::Method>(i));
    NodeStatus::Method method;
    method.name = names[static_cast<size_t>(i)];
    method.running = now.running;
    method.waiting = now.waiting;
    method.limit = parts_.admission->limits().running[static_cast<size_t>(kind)];
    method.per_second = now.per_second;
    method.p50_ms = now.p50_ms;
    method.p99_ms = now.p99_ms;
    method.errors_total = now.errors_total;
    method.calls_total = now.calls_total;
    method.refused_total = now.refused_total;
    status->methods.push_back(std::move(method));
  }
}

void NodeView::AddTasks(NodeStatus* status) const {
  const WallTime now = parts_.clock->WallNow();
  for (auto& task : parts_.tasks->List()) {
    if (IsOver(task)) continue;
    ++status->tasks_total;
    if (status->tasks.size() >= http::kMaxStatusTasks) continue;
    status->tasks.push_back({task.id, task.service, task.principal,
                             std::string(TaskStateName(task.state)), task.waits_for, task.progress,
                             SecondsBetween(task.created, now), task.rows, task.bytes});
  }
  const TaskCounts counts = parts_.tasks->counts();
  status->tasks_running = counts.running;
  status->tasks_queued = counts.queued;
  status->tasks_limit = parts_.options->tasks.threads;
  status->queue_limit = parts_.options->tasks.queue_length;
  status->memory.results_bytes = counts.waiting_bytes;
  status->memory.results_limit_bytes = parts_.options->tasks.waiting_bytes;
}

void NodeView::AddResources(NodeStatus* status) const {
  if (const auto store = parts_.registry->store()) {
    const FlightStore::Usage usage = store->usage();
    status->store = {usage.flights, usage.bytes, usage.limit_bytes};
  }
  status->memory.high_bytes = parts_.memory->marks().high_bytes;
  status->memory.critical_bytes = parts_.memory->marks().critical_bytes;
  status->memory.arrow_bytes = arrow::default_memory_pool()->bytes_allocated();
  if (const auto process = parts_.process->Read(); process.ok()) {
    status->memory.rss_bytes = process->rss_bytes;
    status->threads = process->threads;
    status->open_files = process->open_files;
    status->open_files_limit = process->open_files_limit;
  }
  if (const auto* server = parts_.transport()) {
    status->open_connections = server->open_connections();
  }
  status->connections_limit = parts_.options->transport.max_connections;
}

void NodeView::AddErrors(NodeStatus* status) const {
  for (const FailedCall& error : parts_.journal->errors()) {
    if (status->errors.size() >= http::kMaxStatusErrors) return;
    status->errors.push_back({Rfc3339(error.time), error.method, std::string(ErrorName(error.code)),
                              error.message, error.request_id, error.principal});
  }
}

std::string NodeView::HealthJson() const {
  json modules = json::array();
  bool degraded = false;
  for (const auto& module : parts_.health->modules()) {
    degraded = degraded || module.state == flight::ModuleState::kDegraded;
    modules.push_back({{"name", module.name},
                       {"version", module.version},
                       {"status", flight::ModuleStateName(module.state)},
                       {"reason", module.reason},
                       {"since", Rfc3339(module.since)}});
  }
  const std::vector<std::string> problems = parts_.problems();
  degraded = degraded || !problems.empty();
  const json health = {{"status", !ready()   ? "DOWN"
                                  : degraded ? "DEGRADED"
                                             : "OK"},
                       {"state", flight::NodeStateName(parts_.health->state())},
                       {"reason", parts_.health->reason()},
                       {"node", parts_.options->dispatcher.node_id},
                       {"version", LONGBOW_VERSION},
                       {"problems", problems},
                       {"modules", std::move(modules)}};
  // A module's reason may be any bytes.
  return health.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace longbow::server
