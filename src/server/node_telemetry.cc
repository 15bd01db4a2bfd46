#include "server/node_telemetry.h"

#include <utility>

#include <arrow/memory_pool.h>

namespace longbow::server {

arrow::Result<std::unique_ptr<NodeTelemetry>> NodeTelemetry::Make(const NodeOptions& options,
                                                                  telemetry::Log* log,
                                                                  const Clock* clock,
                                                                  Random* random) {
  std::unique_ptr<NodeTelemetry> made(new NodeTelemetry());
  Logger* logger = &log->component("telemetry");
  made->metrics_ = telemetry::MetricsRegistry::Make(logger);
  ARROW_ASSIGN_OR_RAISE(made->process_, telemetry::ProcessProbe::Make());
  telemetry::ProcessMetricsOptions process;
  process.registry = made->metrics_.get();
  process.probe = made->process_.get();
  process.clock = clock;
  process.arrow_pool = arrow::default_memory_pool();
  made->process_metrics_ = std::make_unique<telemetry::ProcessMetrics>(process);
  made->calls_ =
      std::make_unique<telemetry::CallMetrics>(made->metrics_.get(), MethodNames(), clock);
  made->tasks_ = std::make_unique<telemetry::TaskMetrics>(made->metrics_.get());
  ARROW_ASSIGN_OR_RAISE(made->tracer_,
                        telemetry::Tracer::Make(options.trace, {clock, random, logger}));
  made->journal_ =
      std::make_unique<CallJournal>(made->calls_.get(), &log->component("calls"), clock);
  made->journal_->Configure(options.call_lines, options.slow_call);
  made->task_watch_ = std::make_unique<TaskWatch>(made->tasks_.get());
  made->own_ = made->metrics_->ForPart(telemetry::kMetricPrefix);
  made->MeasureItself(log);
  return made;
}

void NodeTelemetry::MeasureItself(telemetry::Log* log) {
  using Statistics = telemetry::Log::Statistics;
  const auto add_lines = [&](const char* fate, int64_t Statistics::*count) {
    own_->AddCounterFunction("log_lines_total", "Log lines, by what became of them",
                             [log, count] { return static_cast<double>(log->statistics().*count); },
                             {{"fate", fate}});
  };
  add_lines("written", &Statistics::written);
  add_lines("dropped", &Statistics::dropped);
  add_lines("suppressed", &Statistics::suppressed);
  using Spans = telemetry::TracerStatistics;
  const auto add_spans = [&](const char* fate, int64_t Spans::*count) {
    own_->AddCounterFunction(
        "trace_spans_total", "Spans of traces, by what became of them",
        [this, count] { return static_cast<double>(tracer_->statistics().*count); },
        {{"fate", fate}});
  };
  add_spans("exported", &Spans::exported);
  add_spans("dropped", &Spans::dropped);
  add_spans("lost", &Spans::lost);
}

void TellUnusedLevels(telemetry::Log* log) {
  for (const std::string& name : log->UnusedLevels()) {
    log->component("node").Warning(
        "log.levels names a component that does not log here; the field component of log lines "
        "shows the names",
        {{"name", name}});
  }
}

}  // namespace longbow::server
