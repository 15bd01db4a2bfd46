#include "telemetry/trace_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>

#include "telemetry/otlp_endpoint.h"

namespace longbow::telemetry {
namespace {

constexpr int64_t kMaxInteger = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxQueueSpans = 1'048'576;
constexpr int64_t kMaxBatchSpans = 65'536;
constexpr int64_t kMaxCount = 1024;
constexpr int64_t kMaxTextCharacters = 65'536;
constexpr size_t kMaxShownCharacters = 64;
constexpr size_t kMaxListSize = 64 * 1024;
constexpr size_t kMaxPairs = 128;

template <typename T, size_t kSize>
using NameTable = std::array<std::pair<std::string_view, T>, kSize>;

constexpr NameTable<TraceExporter, 3> kExporters = {{{"none", TraceExporter::kNone},
                                                     {"otlp", TraceExporter::kOtlp},
                                                     {"console", TraceExporter::kConsole}}};
constexpr NameTable<OtlpProtocol, 2> kProtocols = {
    {{"grpc", OtlpProtocol::kGrpc}, {"http/protobuf", OtlpProtocol::kHttpProtobuf}}};
constexpr NameTable<TraceSampler, 6> kSamplers = {
    {{"always_on", TraceSampler::kAlwaysOn},
     {"always_off", TraceSampler::kAlwaysOff},
     {"traceidratio", TraceSampler::kTraceIdRatio},
     {"parentbased_always_on", TraceSampler::kParentBasedAlwaysOn},
     {"parentbased_always_off", TraceSampler::kParentBasedAlwaysOff},
     {"parentbased_traceidratio", TraceSampler::kParentBasedTraceIdRatio}}};
constexpr NameTable<bool, 2> kCompressions = {{{"none", false}, {"gzip", true}}};
constexpr NameTable<bool, 2> kBooleans = {{{"true", true}, {"false", false}}};

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool SameLetters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

template <typename T, size_t kSize>
std::optional<T> Find(const NameTable<T, kSize>& table, std::string_view name) {
  for (const auto& [known, value] : table) {
    if (SameLetters(known, Trim(name))) return value;
  }
  return {};
}

template <typename T, size_t kSize>
std::string NamesOf(const NameTable<T, kSize>& table) {
  std::string names;
  for (size_t i = 0; i < kSize; ++i) {
    if (i > 0) names += i + 1 < kSize ? ", " : " or ";
    names += table[i].first;
  }
  return names;
}

// A value that is no secret, as it may stand in a problem.
std::string Shown(std::string_view value) {
  std::string shown = "'";
  for (char c : value.substr(0, kMaxShownCharacters)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  return shown + (value.size() > kMaxShownCharacters ? "...'" : "'");
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> DecodePercent(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return {};
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return {};
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// `a=1,b=2`, both sides percent-encoded; none where any of it is malformed.
std::optional<TextPairs> ParsePairs(std::string_view list) {
  TextPairs pairs;
  if (list.size() > kMaxListSize) return {};
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view pair = Trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pairs.size() == kMaxPairs) return {};
    auto key = DecodePercent(Trim(pair.substr(0, equals)));
    auto value = DecodePercent(Trim(pair.substr(equals + 1)));
    if (!key.has_value() || key->empty() || !value.has_value()) return {};
    pairs.emplace_back(*std::move(key), *std::move(value));
  }
  return pairs;
}

/// One pass over the variables.
class OtelReader {
 public:
  OtelReader(const std::map<std::string, std::string>& variables, TracerOptions* options,
             std::vector<OtelProblem>* problems)
      : variables_(variables), options_(options), problems_(problems) {}

  void ReadAll() {
    ReadExporter();
    ReadOtlp();
    ReadTls();
    ReadResource();
    ReadSampler();
    ReadBatch();
    ReadLimits();
    bool disabled = false;
    ReadName("OTEL_SDK_DISABLED", kBooleans, &disabled);
    if (disabled) options_->exporter = TraceExporter::kNone;
  }

 private:
  struct Variable {
    std::string name;
    std::string value;  ///< never empty
  };
  struct Range {
    int64_t min;
    int64_t max;
  };

  std::optional<Variable> Get(const std::string& name) const {
    auto found = variables_.find(name);
    if (found == variables_.end() || Trim(found->second).empty()) return {};
    return Variable{name, std::string(Trim(found->second))};
  }

  // The one for traces, or else the one for all signals.
  std::optional<Variable> GetOtlp(const std::string& name) const {
    auto own = Get("OTEL_EXPORTER_OTLP_TRACES_" + name);
    return own.has_value() ? own : Get("OTEL_EXPORTER_OTLP_" + name);
  }

  void Problem(const std::string& name, const std::string& what) {
    problems_->push_back({name, what});
  }

  template <typename T, size_t kSize>
  void ReadName(const std::optional<Variable>& variable, const NameTable<T, kSize>& table, T* out) {
    if (!variable.has_value()) return;
    if (auto found = Find(table, variable->value)) {
      *out = *found;
    } else {
      Problem(variable->name, Shown(variable->value) + " is not " + NamesOf(table));
    }
  }
  template <typename T, size_t kSize>
  void ReadName(const char* name, const NameTable<T, kSize>& table, T* out) {
    ReadName(Get(name), table, out);
  }

  void ReadInteger(const std::optional<Variable>& variable, Range range, int64_t* out) {
    if (!variable.has_value()) return;
    const std::string& text = variable->value;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < range.min ||
        number > range.max) {
      Problem(variable->name, Shown(text) + " is not a whole number from " +
                                  std::to_string(range.min) + " to " + std::to_string(range.max));
      return;
    }
    *out = number;
  }

  void ReadExporter() {
    const auto chosen = Get("OTEL_TRACES_EXPORTER");
    ReadName(chosen, kExporters, &options_->exporter);
    if (!chosen.has_value() && GetOtlp("ENDPOINT").has_value() &&
        options_->exporter == TraceExporter::kNone) {
      options_->exporter = TraceExporter::kOtlp;
    }
  }

  void ReadOtlp() {
    OtlpOptions& otlp = options_->otlp;
    ReadName(GetOtlp("PROTOCOL"), kProtocols, &otlp.protocol);
    ReadInteger(GetOtlp("TIMEOUT"), {0, kMaxInteger}, &otlp.timeout_ms);
    ReadName(GetOtlp("COMPRESSION"), kCompressions, &otlp.gzip);
    ReadName(GetOtlp("INSECURE"), kBooleans, &otlp.insecure);
    ReadEndpoint();
    ReadHeaders();
  }

  void ReadEndpoint() {
    const auto variable = GetOtlp("ENDPOINT");
    if (!variable.has_value()) return;
    OtlpOptions with = options_->otlp;
    with.endpoint = variable->value;
    with.endpoint_is_base = variable->name == "OTEL_EXPORTER_OTLP_ENDPOINT";
    const arrow::Status status = ResolveOtlpEndpoint(with).status();
    if (!status.ok()) return Problem(variable->name, status.message());
    options_->otlp = with;
  }

  void ReadHeaders() {
    const auto variable = GetOtlp("HEADERS");
    if (!variable.has_value()) return;
    const auto headers = ParsePairs(variable->value);
    if (!headers.has_value()) {
      return Problem(variable->name, "it is not of the form NAME=VALUE,NAME=VALUE");
    }
    for (const auto& [name, value] : *headers) {
      const arrow::Status status = CheckOtlpHeader(name, value);
      if (!status.ok()) return Problem(variable->name, status.message());
    }
    options_->otlp.headers = *headers;
  }

  void ReadTls() {
    OtlpOptions& otlp = options_->otlp;
    if (auto file = GetOtlp("CERTIFICATE")) otlp.certificate_file = file->value;
    if (auto file = GetOtlp("CLIENT_CERTIFICATE")) otlp.client_certificate_file = file->value;
    if (auto file = GetOtlp("CLIENT_KEY")) otlp.client_key_file = file->value;
  }

  void ReadResource() {
    if (auto variable = Get("OTEL_RESOURCE_ATTRIBUTES")) {
      if (auto pairs = ParsePairs(variable->value)) {
        for (auto& pair : *pairs) SetResource(std::move(pair));
      } else {
        Problem(variable->name, "it is not of the form NAME=VALUE,NAME=VALUE, percent-encoded");
      }
    }
    if (auto name = Get("OTEL_SERVICE_NAME")) options_->service_name = name->value;
  }

  void SetResource(std::pair<std::string, std::string> pair) {
    if (pair.first == "service.name") {
      options_->service_name = pair.second;
      return;
    }
    TextPairs& all = options_->resource_attributes;
    auto found = std::find_if(all.begin(), all.end(),
                              [&](const auto& known) { return known.first == pair.first; });
    if (found == all.end()) {
      all.push_back(std::move(pair));
    } else {
      found->second = std::move(pair.second);
    }
  }

  void ReadSampler() {
    const auto sampler = Get("OTEL_TRACES_SAMPLER");
    ReadName(sampler, kSamplers, &options_->sampler);
    const auto ratio = Get("OTEL_TRACES_SAMPLER_ARG");
    if (!sampler.has_value()) {
      if (ratio.has_value()) Problem(ratio->name, "OTEL_TRACES_SAMPLER is not set");
      return;
    }
    const bool takes_ratio = options_->sampler == TraceSampler::kTraceIdRatio ||
                             options_->sampler == TraceSampler::kParentBasedTraceIdRatio;
    if (!takes_ratio) return;
    options_->sampler_ratio = 1;
    if (!ratio.has_value()) return;
    double number = 0;
    const std::string& text = ratio->value;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !(number >= 0) || number > 1) {
      return Problem(ratio->name, Shown(text) + " is not a number from 0 to 1");
    }
    options_->sampler_ratio = number;
  }

  void ReadBatch() {
    SpanBatchOptions& batch = options_->batch;
    ReadInteger(Get("OTEL_BSP_SCHEDULE_DELAY"), {0, kMaxInteger}, &batch.schedule_delay_ms);
    ReadInteger(Get("OTEL_BSP_EXPORT_TIMEOUT"), {0, kMaxInteger}, &batch.export_timeout_ms);
    ReadInteger(Get("OTEL_BSP_MAX_QUEUE_SIZE"), {1, kMaxQueueSpans}, &batch.max_queue_spans);
    const auto batch_size = Get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
    ReadInteger(batch_size, {1, kMaxBatchSpans}, &batch.max_batch_spans);
    if (batch.max_batch_spans <= batch.max_queue_spans) return;
    if (batch_size.has_value()) {
      Problem(batch_size->name, "a batch cannot be larger than the queue, of " +
                                    std::to_string(batch.max_queue_spans));
    }
    batch.max_batch_spans = batch.max_queue_spans;
  }

  void ReadLimits() {
    SpanLimits& limits = options_->limits;
    ReadInteger(Either("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
                {0, kMaxCount}, &limits.attributes);
    ReadInteger(
        Either("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        {0, kMaxTextCharacters}, &limits.attribute_value_characters);
    ReadInteger(Get("OTEL_SPAN_EVENT_COUNT_LIMIT"), {0, kMaxCount}, &limits.events);
  }

  std::optional<Variable> Either(const char* first, const char* second) const {
    auto variable = Get(first);
    return variable.has_value() ? variable : Get(second);
  }

  const std::map<std::string, std::string>& variables_;
  TracerOptions* const options_;
  std::vector<OtelProblem>* const problems_;
};

}  // namespace

std::optional<TraceExporter> ParseTraceExporter(std::string_view name) {
  return Find(kExporters, name);
}
std::optional<OtlpProtocol> ParseOtlpProtocol(std::string_view name) {
  return Find(kProtocols, name);
}
std::optional<TraceSampler> ParseTraceSampler(std::string_view name) {
  return Find(kSamplers, name);
}

void ApplyOtelEnvironment(const std::map<std::string, std::string>& variables,
                          TracerOptions* options, std::vector<OtelProblem>* problems) {
  OtelReader(variables, options, problems).ReadAll();
}

}  // namespace longbow::telemetry
