/// \file
/// How traces are sampled, kept and sent: what settings and the `OTEL_*` variables say. Pure
/// values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longbow::telemetry {

enum class TraceExporter { kNone, kOtlp, kConsole };
enum class OtlpProtocol { kGrpc, kHttpProtobuf };
enum class TraceSampler {
  kAlwaysOn,
  kAlwaysOff,
  kTraceIdRatio,
  kParentBasedAlwaysOn,
  kParentBasedAlwaysOff,
  kParentBasedTraceIdRatio,
};

/// Texts with their names; the order is kept.
using TextPairs = std::vector<std::pair<std::string, std::string>>;

/// How a collector is reached.
struct OtlpOptions {
  OtlpProtocol protocol = OtlpProtocol::kHttpProtobuf;
  /// `http://HOST:PORT` or `https://HOST:PORT`, for HTTP with a path; for gRPC also any target that
  /// gRPC knows. Empty: this machine, at port 4318 for HTTP, 4317 for gRPC, without TLS.
  std::string endpoint;
  /// Whether `v1/traces` is put at the end of an HTTP endpoint's path; else it is used as it is.
  bool endpoint_is_base = true;
  /// No TLS for a gRPC endpoint that is not a URL. A URL's scheme wins.
  bool insecure = false;
  /// Sent with each request. The values are secrets: never to be shown.
  TextPairs headers;
  std::string certificate_file;         ///< PEM: who signs the collector's; empty: the system's
  std::string client_certificate_file;  ///< PEM; empty: none
  std::string client_key_file;          ///< PEM
  int64_t timeout_ms = 10'000;          ///< for one request
  bool gzip = false;
};

/// What a span may hold.
struct SpanLimits {
  int64_t attributes = 128;
  /// Of a text. OpenTelemetry's own default is no limit.
  int64_t attribute_value_characters = 4096;
  int64_t events = 128;
};

/// What waits for the exporter.
struct SpanBatchOptions {
  int64_t schedule_delay_ms = 5000;    ///< A span waits so long for others.
  int64_t export_timeout_ms = 30'000;  ///< for one batch, with all its tries
  int64_t max_queue_spans = 2048;      ///< Further ones are dropped.
  int64_t max_batch_spans = 512;
};

struct TracerOptions {
  TraceExporter exporter = TraceExporter::kNone;
  OtlpOptions otlp;
  int console_fd = 1;  ///< where `kConsole` writes; not owned
  TraceSampler sampler = TraceSampler::kParentBasedAlwaysOn;
  double sampler_ratio = 1;  ///< 0 to 1, for the samplers with a ratio
  std::string service_name = "longbow";
  TextPairs resource_attributes;  ///< beside `service.name`
  SpanLimits limits;
  SpanBatchOptions batch;
};

/// `none`, `otlp` or `console`; none for any other text. Upper case is allowed, here and below.
std::optional<TraceExporter> ParseTraceExporter(std::string_view name);
/// `grpc` or `http/protobuf`.
std::optional<OtlpProtocol> ParseOtlpProtocol(std::string_view name);
/// A value of OTEL_TRACES_SAMPLER, such as `parentbased_traceidratio`.
std::optional<TraceSampler> ParseTraceSampler(std::string_view name);

/// A variable that cannot be used.
struct OtelProblem {
  std::string variable;
  std::string what;  ///< the rest of a sentence; shows no header, endpoint or attribute
};

/// Puts OpenTelemetry's variables on top of `options`. Those that are empty count as not set, and
/// those of other signals are not looked at. What cannot be used is left out and told in
/// `problems`.
///
/// An endpoint without OTEL_TRACES_EXPORTER chooses the exporter `otlp`, where there was none.
void ApplyOtelEnvironment(const std::map<std::string, std::string>& variables,
                          TracerOptions* options, std::vector<OtelProblem>* problems);

}  // namespace longbow::telemetry
