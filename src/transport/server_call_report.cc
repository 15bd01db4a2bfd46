// What a call tells of itself: its span, its log lines, and its end to who observes calls.
#include <iterator>
#include <utility>

#include <longbow/error.h>

#include "transport/connection_guard.h"
#include "transport/server_call.h"

namespace longbow::transport {
namespace {

constexpr size_t kMaxAnnotations = 16;

}  // namespace

void ServerCall::BeginTrace() {
  if (host_->tracer == nullptr) return;
  std::optional<telemetry::TraceContext> parent;
  const auto [first, last] = headers_.equal_range(telemetry::kTraceparentHeader);
  // Of a call that names two parents, neither counts.
  if (first != last && std::next(first) == last) {
    std::string state;
    const auto [from, to] = headers_.equal_range(telemetry::kTracestateHeader);
    for (auto it = from; it != to; ++it) state += (state.empty() ? "" : ",") + it->second;
    parent = telemetry::ParseTraceparent(first->second, state);
  }
  span_ = host_->tracer->Start({.name = MethodName(method_),
                                .kind = telemetry::SpanKind::kServer,
                                .parent = parent ? &*parent : nullptr});
  if (span_.context().valid()) trace_id_ = telemetry::TraceIdHex(span_.context());
}

std::string ServerCall::traceparent() const {
  return span_.context().valid() ? telemetry::FormatTraceparent(span_.context()) : std::string();
}

Logger& ServerCall::logger() const {
  std::call_once(logger_made_, [this] {
    LogFields fields = {{"request_id", request_id_}};
    if (!trace_id_.empty()) fields.emplace_back("trace_id", trace_id_);
    logger_.emplace(*host_->logger, std::move(fields));
  });
  return *logger_;
}

void ServerCall::Identify(std::shared_ptr<const Principal> principal) {
  principal_ = std::move(principal);
  ConnectionGuard::LetIn(grpc_peer_);
}

void ServerCall::Annotate(std::string_view name, std::string value) {
  std::lock_guard lock(mutex_);
  if (annotations_.size() < kMaxAnnotations) annotations_.emplace_back(name, std::move(value));
}

void ServerCall::TellEnd() {
  arrow::Status end;
  std::vector<CallAnnotation> annotations;
  {
    std::lock_guard lock(mutex_);
    end = end_;
    annotations.swap(annotations_);
  }
  const auto duration = MonotonicTime::clock::now() - begun_;
  if (host_->observer != nullptr) {
    host_->observer->OnEnd({method_, request_id_, peer_, principal_->name, trace_id_, end, duration,
                            statistics_, annotations});
  }
  if (!span_.recording()) return;
  for (auto& [name, value] : annotations) {
    span_.SetAttribute("longbow." + std::string(name), std::move(value));
  }
  span_.SetAttribute("rpc.system", std::string("grpc"));
  span_.SetAttribute("longbow.request_id", request_id_);
  if (!end.ok()) span_.SetError(ErrorName(ErrorCodeOf(end)));
  span_.End();
}

}  // namespace longbow::transport
