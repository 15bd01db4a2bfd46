// What the node measures of itself, beside calls, tasks and the process.

#include "server/node.h"

namespace longbow::server {
namespace {

double ToDouble(int64_t value) { return static_cast<double>(value); }

double UnixSeconds(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

void Node::Measure() {
  measures_ = telemetry_->metrics().ForPart(telemetry::kMetricPrefix);
  telemetry::ServerMetrics& to = *measures_;
  const auto counts = [this](int64_t TaskCounts::*count) {
    return [this, count] { return ToDouble(tasks_->counts().*count); };
  };
  to.AddGaugeFunction("tasks_known", "Tasks that the node knows, ended ones included",
                      counts(&TaskCounts::known));
  to.AddGaugeFunction("task_threads_running", "Threads that run tasks now",
                      counts(&TaskCounts::running));
  to.AddGaugeFunction("results_waiting_bytes", "Bytes of results that wait for their readers",
                      counts(&TaskCounts::waiting_bytes));
  const auto limit = [&to](const char* name, const char* help, int64_t value) {
    to.AddGaugeFunction(name, help, [value] { return ToDouble(value); });
  };
  to.AddGaugeFunction("results_repeatable_bytes", "Bytes of results that can be read again",
                      counts(&TaskCounts::repeatable_bytes));
  limit("results_repeatable_limit_bytes", "Bytes of results that can be read again, at most",
        options_.tasks.repeatable_bytes);
  limit("tasks_known_limit", "Tasks that the node may know", options_.tasks.max_tasks);
  limit("task_threads_limit", "Threads that may run tasks", options_.tasks.threads);
  limit("tasks_queued_limit", "Tasks that may wait for a thread", options_.tasks.queue_length);
  limit("task_threads_per_principal_limit", "Threads that may run tasks of one caller",
        options_.tasks.threads_per_principal);
  limit("tasks_queued_per_principal_limit", "Tasks of one caller that may wait for a thread",
        options_.tasks.queue_per_principal);
  to.AddGaugeFunction("short_work_queued", "Short work of calls that waits for a thread",
                      counts(&TaskCounts::short_queued));
  to.AddGaugeFunction("authentications_queued",
                      "Calls that wait for a thread that asks a module who calls",
                      counts(&TaskCounts::unknown_queued));
  limit("authentications_queued_limit",
        "Calls that may wait for a thread that asks a module who calls",
        options_.tasks.unknown_queue);
  limit("calls_open_limit", "Calls that may be open, the waiting ones included",
        options_.dispatcher.max_open_calls);
  limit("calls_waiting_limit", "Calls of each kind that may wait for their turn",
        options_.dispatcher.admission.waiting);
  limit("results_waiting_limit_bytes", "Bytes of results that may wait for their readers",
        options_.tasks.waiting_bytes);
  limit("connections_limit", "Connections of Flight clients that may be open",
        options_.transport.max_connections);
  to.AddGaugeFunction("connections_open", "Connections of Flight clients that are open",
                      [this] { return ToDouble(server_->open_connections()); });
  to.AddCounterFunction("connections_refused_total",
                        "Connections closed because their clients sent more than they may",
                        [this] { return ToDouble(server_->refused_connections()); });
  if (server_->tls_expiry()) {
    to.AddGaugeFunction("tls_certificate_expiry_timestamp_seconds",
                        "When the certificates of Flight's listener expire, in Unix time",
                        [this] { return UnixSeconds(*server_->tls_expiry()); });
  }
  for (size_t i = 0; i < flight::kCallKinds; ++i) {
    const auto kind = static_cast<flight::CallKind>(i);
    const MetricLabels labels = {{"kind", std::string(flight::CallKindName(kind))}};
    to.AddGaugeFunction(
        "calls_running", "Calls at work, by kind",
        [this, kind] { return ToDouble(dispatcher_->admission().running(kind)); }, labels);
    to.AddGaugeFunction(
        "calls_waiting", "Calls that wait for their turn, by kind",
        [this, kind] { return ToDouble(dispatcher_->admission().waiting(kind)); }, labels);
    to.AddGaugeFunction(
        "calls_limit", "Calls that may be at work at once, by kind",
        [limit = dispatcher_->admission().limits().running[i]] { return ToDouble(limit); }, labels);
  }
  to.AddGaugeFunction("memory_high_bytes", "Above this, new work is refused",
                      [this] { return ToDouble(memory_->marks().high_bytes); });
  to.AddGaugeFunction("memory_critical_bytes", "Above this, results that nobody reads are dropped",
                      [this] { return ToDouble(memory_->marks().critical_bytes); });
  to.AddGaugeFunction("memory_refusing", "1 while new work is refused for lack of memory",
                      [this] { return memory_->full() ? 1.0 : 0.0; });
  to.AddCounterFunction("memory_results_dropped_total",
                        "Results that were dropped for lack of memory",
                        [this] { return ToDouble(memory_->dropped_total()); });
  to.AddCounterFunction("memory_trims_total", "How often freed memory was given back",
                        [this] { return ToDouble(trims_.load(std::memory_order_relaxed)); });
  to.AddGaugeFunction("ready", "1 while the node is ready",
                      [this] { return health_->ready() ? 1.0 : 0.0; });
  if (const auto store = registry_->store()) {
    to.AddGaugeFunction("stored_flights", "Flights that are stored here",
                        [store] { return ToDouble(store->usage().flights); });
    to.AddGaugeFunction("stored_bytes", "Bytes of the flights that are stored here",
                        [store] { return ToDouble(store->usage().bytes); });
    to.AddGaugeFunction("stored_limit_bytes", "Bytes of flights that may be stored here",
                        [store] { return ToDouble(store->usage().limit_bytes); });
  }
}

}  // namespace longbow::server
