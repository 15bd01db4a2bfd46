#include "telemetry/otlp_messages.h"

#include <algorithm>

#include <google/protobuf/arena.h>
#include <longbow/error.h>
#include <longbow/version.h>

#include "base/utf8.h"
#include "otlp/v1/rpc_status.pb.h"
#include "otlp/v1/trace.pb.h"
#include "telemetry/span_format.h"

namespace longbow::telemetry {
namespace {

namespace wire = longbow::otlp::v1;

constexpr size_t kMaxMessageCharacters = 256;
constexpr int64_t kMaxRetryDelaySec = 3600;

// A string of protobuf must be UTF-8; nearly always it is.
std::string ToUtf8(const std::string& text) {
  return IsValidUtf8(text) ? text : ReplaceInvalidUtf8(text);
}

template <size_t kSize>
std::string BytesOf(const std::array<uint8_t, kSize>& id) {
  return std::string(id.begin(), id.end());
}

void FillText(const std::string& key, const std::string& text, wire::KeyValue* out) {
  out->set_key(ToUtf8(key));
  out->mutable_value()->set_string_value(ToUtf8(text));
}

void FillAttribute(const std::string& key, const AttributeValue& value, wire::KeyValue* out) {
  out->set_key(ToUtf8(key));
  wire::AnyValue* any = out->mutable_value();
  if (const auto* flag = std::get_if<bool>(&value)) any->set_bool_value(*flag);
  if (const auto* number = std::get_if<int64_t>(&value)) any->set_int_value(*number);
  if (const auto* real = std::get_if<double>(&value)) any->set_double_value(*real);
  if (const auto* text = std::get_if<std::string>(&value)) any->set_string_value(ToUtf8(*text));
}

wire::Span::Kind KindOf(SpanKind kind) {
  switch (kind) {
    case SpanKind::kServer:
      return wire::Span::KIND_SERVER;
    case SpanKind::kClient:
      return wire::Span::KIND_CLIENT;
    case SpanKind::kInternal:
      break;
  }
  return wire::Span::KIND_INTERNAL;
}

void FillSpan(const SpanData& span, wire::Span* out) {
  out->set_trace_id(BytesOf(span.context.trace_id));
  out->set_span_id(BytesOf(span.context.span_id));
  out->set_trace_state(span.context.state);
  if (!IsNoSpan(span.parent_span_id)) out->set_parent_span_id(BytesOf(span.parent_span_id));
  out->set_name(ToUtf8(span.name));
  out->set_kind(KindOf(span.kind));
  out->set_start_time_unix_nano(UnixNanos(span.start));
  out->set_end_time_unix_nano(UnixNanos(span.end));
  for (const auto& [key, value] : span.attributes) FillAttribute(key, value, out->add_attributes());
  out->set_dropped_attributes_count(span.dropped_attributes);
  for (const SpanEvent& event : span.events) {
    wire::Span::Event* added = out->add_events();
    added->set_time_unix_nano(UnixNanos(event.time));
    added->set_name(ToUtf8(event.name));
  }
  out->set_dropped_events_count(span.dropped_events);
  if (span.failed) {
    out->mutable_status()->set_code(wire::SpanStatus::CODE_ERROR);
    out->mutable_status()->set_message(ToUtf8(span.error));
  }
}

bool IsRetryInfo(const std::string& type_url) {
  const size_t slash = type_url.rfind('/');
  return slash != std::string::npos && type_url.substr(slash + 1) == "google.rpc.RetryInfo";
}

}  // namespace

std::string EncodeExportRequest(const SpanBatch& batch, const std::string& service_name,
                                const TextPairs& resource_attributes) {
  google::protobuf::Arena arena;
  auto* request = google::protobuf::Arena::CreateMessage<wire::ExportTraceRequest>(&arena);
  wire::ResourceSpans* of_process = request->add_resource_spans();
  wire::Resource* resource = of_process->mutable_resource();
  FillText("service.name", service_name, resource->add_attributes());
  for (const auto& [key, value] : resource_attributes) {
    if (key != "service.name") FillText(key, value, resource->add_attributes());
  }
  wire::ScopeSpans* of_scope = of_process->add_scope_spans();
  of_scope->mutable_scope()->set_name("longbow");
  of_scope->mutable_scope()->set_version(LONGBOW_VERSION);
  of_scope->mutable_spans()->Reserve(static_cast<int>(batch.size()));
  for (const auto& span : batch) FillSpan(*span, of_scope->add_spans());
  return request->SerializeAsString();
}

arrow::Status CheckExportResponse(std::string_view response) {
  wire::ExportTraceResponse answer;
  if (!answer.ParseFromArray(response.data(), static_cast<int>(response.size())) ||
      answer.partial_success().rejected_spans() <= 0) {
    return arrow::Status::OK();
  }
  const wire::PartialSuccess& partial = answer.partial_success();
  return MakeError(
      ErrorCode::kCommandFailed,
      "The collector rejected " + std::to_string(partial.rejected_spans()) + " spans of a batch: " +
          std::string(CutToCharacters(partial.error_message(), kMaxMessageCharacters)));
}

std::optional<std::chrono::milliseconds> ReadRetryDelay(std::string_view status_details) {
  wire::RpcStatus status;
  if (!status.ParseFromArray(status_details.data(), static_cast<int>(status_details.size()))) {
    return {};
  }
  for (const auto& detail : status.details()) {
    wire::RetryInfo info;
    if (!IsRetryInfo(detail.type_url()) || !info.ParseFromString(detail.value())) continue;
    const int64_t seconds = std::clamp<int64_t>(info.retry_delay().seconds(), 0, kMaxRetryDelaySec);
    const int64_t nanos = std::clamp(info.retry_delay().nanos(), 0, 999'999'999);
    return std::chrono::milliseconds(seconds * 1000 + nanos / 1'000'000);
  }
  return {};
}

}  // namespace longbow::telemetry
