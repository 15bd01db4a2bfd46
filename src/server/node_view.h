/// \file
/// The node as operators see it: gathers what its parts know. Thread-safe; nothing blocks for long.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <longbow/clock.h>

#include "flight/admission.h"
#include "flight/node_health.h"
#include "flight/service_directory.h"
#include "http/status_page.h"
#include "server/call_journal.h"
#include "server/memory_guard.h"
#include "server/node_options.h"
#include "task/task_registry.h"
#include "telemetry/process_statistics.h"
#include "transport/server.h"

namespace longbow::server {

/// All outlive the view; those that say so may be null.
struct NodeViewParts {
  const NodeOptions* options = nullptr;
  const Clock* clock = nullptr;
  const flight::NodeHealth* health = nullptr;
  const ServiceDirectory* registry = nullptr;
  const telemetry::CallMetrics* calls = nullptr;
  const CallJournal* journal = nullptr;
  TaskRegistry* tasks = nullptr;
  const flight::Admission* admission = nullptr;
  const MemoryGuard* memory = nullptr;
  const telemetry::ProcessProbe* process = nullptr;
  /// Null before it listens.
  std::function<const transport::Server*()> transport;
  std::function<std::string()> location;
  /// What beside modules an operator should look into.
  std::function<std::vector<std::string>()> problems;
};

class NodeView {
 public:
  explicit NodeView(NodeViewParts parts);

  /// For the status page.
  http::NodeStatus Status() const;
  /// The JSON of `/health`: `status` (`OK`, `DEGRADED` or `DOWN`), `state`, `node`, `version`,
  /// `reason`, `problems`, and `modules` with `name`, `version`, `status`, `reason` and `since`.
  std::string HealthJson() const;
  bool ready() const { return parts_.health->ready(); }

 private:
  void AddModules(http::NodeStatus* status) const;
  void AddMethods(http::NodeStatus* status) const;
  void AddTasks(http::NodeStatus* status) const;
  void AddResources(http::NodeStatus* status) const;
  void AddErrors(http::NodeStatus* status) const;

  const NodeViewParts parts_;
  const MonotonicTime started_;
};

/// `2026-11-26T04:05:06.789Z`
std::string Rfc3339(WallTime time);

}  // namespace longbow::server
