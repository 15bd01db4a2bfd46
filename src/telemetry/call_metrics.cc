#include "telemetry/call_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>
#include <utility>

#include <longbow/metrics.h>

#include "telemetry/call_metrics_recent.h"
#include "telemetry/metrics_registry.h"

namespace longbow::telemetry {
namespace {

// From an answer out of memory to a stream of minutes.
std::vector<double> DurationBuckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
          0.25,   0.5,   1,      2.5,   10,   30,    100,  300};
}

// The protocol's own codes are below it, those of modules not.
constexpr size_t kProtocolCodes = 1000;
// What the names of codes have room for; the protocol has 23, OK and CUSTOM come to them.
constexpr size_t kMaxCodes = 64;
constexpr size_t kOk = 0;
constexpr size_t kCustom = 1;

using Count = std::atomic<int64_t>;

// Counts order nothing else, except that of running calls: see `End`.
void Add(Count* count, int64_t by) {
  if (by > 0) count->fetch_add(by, std::memory_order_relaxed);
}

int64_t Read(const Count& count) { return count.load(std::memory_order_acquire); }

bool IsRefusal(ErrorCode code) {
  return code == ErrorCode::kBackpressure || code == ErrorCode::kNotReady ||
         code == ErrorCode::kShuttingDown;
}

}  // namespace

/// Numbers the values of the label `code`.
class CallMetrics::Codes {
 public:
  Codes() : names_{"OK", std::string(ErrorName(static_cast<ErrorCode>(kProtocolCodes)))} {
    index_.fill(kCustom);
    for (size_t i = 0; i < kProtocolCodes; ++i) {
      const auto code = static_cast<ErrorCode>(i);
      const std::string name(ErrorName(code));
      if (name == names_[kCustom] || names_.size() == kMaxCodes) continue;
      if (IsRefusal(code)) refusals_.push_back(names_.size());
      index_[i] = static_cast<uint8_t>(names_.size());
      names_.push_back(name);
    }
  }

  size_t IndexOf(const std::optional<ErrorCode>& code) const {
    if (!code) return kOk;
    // What is negative becomes large.
    const auto number = static_cast<size_t>(*code);
    return number < kProtocolCodes ? index_[number] : kCustom;
  }
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<size_t>& refusals() const { return refusals_; }

 private:
  std::vector<std::string> names_;
  std::vector<size_t> refusals_;
  std::array<uint8_t, kProtocolCodes> index_{};
};

/// What is known of a method. On cache lines of its own: threads that serve other methods do not
/// wait for it.
struct alignas(64) CallMetrics::Method {
  Method(std::string name_in, MonotonicTime start) : name(std::move(name_in)), recent(start) {}

  const std::string name;
  Histogram* duration = nullptr;
  Histogram* wait = nullptr;
  Count running{0};
  Count waiting{0};
  Count received_bytes{0};
  Count sent_bytes{0};
  Count received_rows{0};
  Count sent_rows{0};
  std::array<Count, kMaxCodes> by_code{};
  RecentCalls recent;
};

CallMetrics::CallMetrics(MetricsRegistry* registry, const std::vector<std::string>& methods,
                         const Clock* clock)
    : clock_(clock), codes_(std::make_unique<Codes>()), metrics_(registry->ForPart(kMetricPrefix)) {
  for (const std::string& name : methods) {
    methods_.push_back(std::make_unique<Method>(name, clock->Now()));
    AddSeries(registry, methods_.back().get());
  }
}

CallMetrics::~CallMetrics() = default;

void CallMetrics::AddSeries(MetricsRegistry* registry, Method* method) {
  const MetricLabels labels = {{"method", method->name}};
  method->duration =
      &registry->AddHistogram("rpc_duration_seconds", "How long calls took, their wait included.",
                              DurationBuckets(), labels);
  method->wait = &registry->AddHistogram(
      "rpc_wait_seconds", "How long calls waited for their turn.", DurationBuckets(), labels);
  auto gauge = [&](const char* name, const char* help, const Count* count) {
    metrics_->AddGaugeFunction(
        name, help, [count] { return static_cast<double>(Read(*count)); }, labels);
  };
  gauge("rpc_running", "Calls that began and have not ended.", &method->running);
  gauge("rpc_waiting", "Running calls that wait for their turn.", &method->waiting);
  auto counter = [&](const char* name, const char* help, const Count* count) {
    metrics_->AddCounterFunction(
        name, help, [count] { return static_cast<double>(Read(*count)); }, labels);
  };
  counter("rpc_received_bytes_total", "Bytes of messages that calls received.",
          &method->received_bytes);
  counter("rpc_sent_bytes_total", "Bytes of messages that calls sent.", &method->sent_bytes);
  counter("rpc_received_rows_total", "Rows that calls received.", &method->received_rows);
  counter("rpc_sent_rows_total", "Rows that calls sent.", &method->sent_rows);
  // There from the start, so that the first call is seen to come.
  ShowCode(method, kOk);
}

void CallMetrics::ShowCode(Method* method, size_t code) {
  const Count* count = &method->by_code[code];
  metrics_->AddCounterFunction("rpc_calls_total", "Calls that ended, by the code they ended with.",
                               [count] { return static_cast<double>(Read(*count)); },
                               {{"method", method->name}, {"code", codes_->names()[code]}});
}

CallMetrics::Method* CallMetrics::Find(int method) const {
  const auto index = static_cast<size_t>(method);
  return index < methods_.size() ? methods_[index].get() : nullptr;
}

void CallMetrics::Begin(int method) {
  if (Method* found = Find(method)) found->running.fetch_add(1, std::memory_order_relaxed);
}

void CallMetrics::Waiting(int method, int change) {
  if (Method* found = Find(method)) found->waiting.fetch_add(change, std::memory_order_relaxed);
}

void CallMetrics::End(const FinishedCall& call) {
  Method* method = Find(call.method);
  if (method == nullptr) return;
  const size_t code = codes_->IndexOf(call.code);
  const bool is_first = method->by_code[code].fetch_add(1, std::memory_order_relaxed) == 0;
  if (is_first && code != kOk) ShowCode(method, code);
  method->duration->Observe(std::max(call.duration_sec, 0.0));
  method->wait->Observe(std::max(call.waited_sec, 0.0));
  Add(&method->received_bytes, call.bytes_in);
  Add(&method->sent_bytes, call.bytes_out);
  Add(&method->received_rows, call.rows_in);
  Add(&method->sent_rows, call.rows_out);
  method->recent.Add(clock_->Now(), call.duration_sec);
  // The last: who sees that it does not run any more finds it in all that was counted above.
  method->running.fetch_sub(1, std::memory_order_release);
}

CallMetrics::MethodNow CallMetrics::now(int method) const {
  MethodNow now;
  const Method* found = Find(method);
  if (found == nullptr) return now;
  now.running = Read(found->running);
  now.waiting = Read(found->waiting);
  for (const Count& count : found->by_code) now.calls_total += Read(count);
  now.errors_total = now.calls_total - Read(found->by_code[kOk]);
  for (size_t code : codes_->refusals()) now.refused_total += Read(found->by_code[code]);
  const RecentCalls::Summary recent = found->recent.Summarize(clock_->Now());
  now.per_second = recent.per_second;
  now.p50_ms = recent.p50_ms;
  now.p99_ms = recent.p99_ms;
  return now;
}

}  // namespace longbow::telemetry
