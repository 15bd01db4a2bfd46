#include "server/call_journal.h"

#include <charconv>
#include <optional>
#include <utility>

namespace longbow::server {
namespace {

using transport::FinishedCall;
using transport::Method;

constexpr double kNanosecondsPerSecond = 1e9;

double ToSeconds(int64_t ns) { return static_cast<double>(ns) / kNanosecondsPerSecond; }

// `12.345`: milliseconds with three digits.
std::string ToMilliseconds(int64_t ns) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), static_cast<double>(ns) / 1e6,
                                          std::chars_format::fixed, 3);
  return std::string(text, error == std::errc() ? end : text);
}

// How it ends when nobody has done anything wrong: the caller asked to be told so, or has gone.
bool IsOrdinary(ErrorCode code) {
  return code == ErrorCode::kPoll || code == ErrorCode::kCommandCancelled;
}

std::optional<ErrorCode> CodeOf(const FinishedCall& call) {
  if (call.status.ok()) return std::nullopt;
  return ErrorCodeOf(call.status);
}

void AddTime(const char* name, int64_t ns, LogFields* fields) {
  if (ns > 0) fields->emplace_back(name, ToMilliseconds(ns));
}

void AddCount(const char* name, int64_t count, LogFields* fields) {
  if (count > 0) fields->emplace_back(name, std::to_string(count));
}

// Where the time went. What is neither a wait nor the task's is the stream to or from the client.
void AddTimes(const FinishedCall& call, LogFields* fields) {
  const int64_t admission = call.statistics.admission_ns;
  const int64_t queue = call.statistics.task_queue_ns;
  const int64_t run = call.statistics.task_run_ns;
  AddTime("admission_ms", admission, fields);
  AddTime("queue_ms", queue, fields);
  AddTime("run_ms", run, fields);
  AddTime("stream_ms", call.duration.count() - admission - queue - run, fields);
}

}  // namespace

CallLines ParseCallLines(std::string_view name) {
  if (name == "slow") return CallLines::kSlow;
  if (name == "failed") return CallLines::kFailed;
  if (name == "none") return CallLines::kNone;
  return CallLines::kAll;
}

std::vector<std::string> MethodNames() {
  std::vector<std::string> names;
  for (int i = 0; i < kMethods; ++i) {
    names.emplace_back(transport::MethodName(static_cast<Method>(i)));
  }
  return names;
}

void CallJournal::Configure(CallLines lines, std::chrono::milliseconds slow) {
  lines_.store(lines, std::memory_order_relaxed);
  slow_ns_.store(std::chrono::nanoseconds(slow).count(), std::memory_order_relaxed);
}

void CallJournal::OnBegin(Method method) { metrics_->Begin(static_cast<int>(method)); }

void CallJournal::OnWait(Method method, bool waits) {
  metrics_->Waiting(static_cast<int>(method), waits ? 1 : -1);
}

void CallJournal::OnEnd(const FinishedCall& call) {
  const auto code = CodeOf(call);
  const auto& statistics = call.statistics;
  metrics_->End({.method = static_cast<int>(call.method),
                 .code = code,
                 .duration_sec = ToSeconds(call.duration.count()),
                 .waited_sec = ToSeconds(statistics.admission_ns),
                 .bytes_in = statistics.received_bytes,
                 .bytes_out = statistics.sent_bytes,
                 .rows_in = statistics.received_rows,
                 .rows_out = statistics.sent_rows});
  const bool failed = code && !IsOrdinary(*code);
  if (failed) Remember(call);
  const bool slow = call.duration.count() >= slow_ns_.load(std::memory_order_relaxed);
  const CallLines lines = lines_.load(std::memory_order_relaxed);
  const bool wanted = lines == CallLines::kAll || (lines == CallLines::kSlow && (slow || failed)) ||
                      (lines == CallLines::kFailed && failed);
  if (wanted) WriteLine(call, slow);
}

void CallJournal::WriteLine(const FinishedCall& call, bool slow) {
  // A slow call is something to look into; a failed one is its caller's matter, unless the node
  // itself is at fault.
  const auto code = CodeOf(call);
  const bool at_fault = code == ErrorCode::kInternalError || code == ErrorCode::kDataLoss;
  const LogLevel level = at_fault ? LogLevel::kError : slow ? LogLevel::kWarning : LogLevel::kInfo;
  if (!logger_->enabled(level)) return;
  LogFields fields;
  fields.reserve(16);
  fields.emplace_back("method", transport::MethodName(call.method));
  fields.emplace_back("code", code ? ErrorName(*code) : "OK");
  fields.emplace_back("ms", ToMilliseconds(call.duration.count()));
  fields.emplace_back("principal", call.principal);
  fields.emplace_back("peer", call.peer);
  for (const auto& [name, value] : call.annotations) fields.emplace_back(name, value);
  AddCount("received_rows", call.statistics.received_rows, &fields);
  AddCount("received_bytes", call.statistics.received_bytes, &fields);
  AddCount("sent_rows", call.statistics.sent_rows, &fields);
  AddCount("sent_bytes", call.statistics.sent_bytes, &fields);
  if (slow) AddTimes(call, &fields);
  if (code) fields.emplace_back("error", call.status.message());
  fields.emplace_back("request_id", call.request_id);
  if (!call.trace_id.empty()) fields.emplace_back("trace_id", call.trace_id);
  logger_->Log(level, slow ? "A slow call has ended" : "A call has ended", fields);
}

void CallJournal::Remember(const FinishedCall& call) {
  FailedCall failed{clock_->WallNow(),
                    std::string(transport::MethodName(call.method)),
                    ErrorCodeOf(call.status),
                    call.status.message(),
                    std::string(call.request_id),
                    std::string(call.principal)};
  std::lock_guard lock(mutex_);
  errors_.push_back(std::move(failed));
  if (errors_.size() > kMaxErrors) errors_.pop_front();
}

std::vector<FailedCall> CallJournal::errors() const {
  std::lock_guard lock(mutex_);
  return {errors_.rbegin(), errors_.rend()};
}

}  // namespace longbow::server
