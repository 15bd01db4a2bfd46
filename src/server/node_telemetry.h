/// \file
/// What a node has to be looked at by: metrics, traces, and the journal of its calls.
#pragma once

#include <memory>

#include <arrow/result.h>

#include <longbow/clock.h>

#include "base/random.h"
#include "server/call_journal.h"
#include "server/node_options.h"
#include "server/task_watch.h"
#include "task/task_registry.h"
#include "telemetry/call_metrics.h"
#include "telemetry/logger.h"
#include "telemetry/metrics_registry.h"
#include "telemetry/process_metrics.h"
#include "telemetry/process_statistics.h"
#include "telemetry/task_metrics.h"
#include "telemetry/trace.h"

namespace longbow::server {

/// Made before all that is measured, and destroyed after it. Its parts are thread-safe.
class NodeTelemetry {
 public:
  /// All but the options outlive it. Errors: those of the tracer's settings.
  static arrow::Result<std::unique_ptr<NodeTelemetry>> Make(const NodeOptions& options,
                                                            telemetry::Log* log, const Clock* clock,
                                                            Random* random);

  telemetry::MetricsRegistry& metrics() { return *metrics_; }
  telemetry::CallMetrics& calls() { return *calls_; }
  telemetry::TaskMetrics& tasks() { return *tasks_; }
  telemetry::Tracer& tracer() { return *tracer_; }
  const telemetry::ProcessProbe& process() const { return *process_; }
  CallJournal& journal() { return *journal_; }
  TaskWatch& task_watch() { return *task_watch_; }

 private:
  NodeTelemetry() = default;
  void MeasureItself(telemetry::Log* log);

  std::unique_ptr<telemetry::MetricsRegistry> metrics_;
  std::unique_ptr<telemetry::ProcessProbe> process_;
  std::unique_ptr<telemetry::ProcessMetrics> process_metrics_;
  std::unique_ptr<telemetry::CallMetrics> calls_;
  std::unique_ptr<telemetry::TaskMetrics> tasks_;
  std::unique_ptr<telemetry::Tracer> tracer_;
  std::unique_ptr<CallJournal> journal_;
  std::unique_ptr<TaskWatch> task_watch_;
  std::unique_ptr<telemetry::ServerMetrics> own_;  // goes first: its functions use the rest
};

/// A warning where `log.levels` names what is not there. Once all components are.
void TellUnusedLevels(telemetry::Log* log);

}  // namespace longbow::server
