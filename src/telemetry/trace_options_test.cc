#include "telemetry/trace_options.h"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "telemetry/otlp_endpoint.h"

namespace longbow::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

using Variables = std::map<std::string, std::string>;

TracerOptions Apply(const Variables& variables, std::vector<OtelProblem>* problems = nullptr,
                    TracerOptions options = {}) {
  std::vector<OtelProblem> found;
  ApplyOtelEnvironment(variables, &options, &found);
  if (problems == nullptr) {
    EXPECT_THAT(found, IsEmpty());
  } else {
    *problems = found;
  }
  return options;
}

TEST(TraceOptionsTest, WithoutVariablesNothingChanges) {
  TracerOptions layered;
  layered.exporter = TraceExporter::kConsole;
  layered.service_name = "mine";
  layered.sampler_ratio = 0.5;
  layered.otlp.endpoint = "http://a:1";
  const TracerOptions options = Apply({{"OTEL_SERVICE_NAME", ""},
                                       {"OTEL_TRACES_EXPORTER", "  "},
                                       {"OTEL_EXPORTER_OTLP_ENDPOINT", ""},
                                       {"OTEL_METRICS_EXPORTER", "prometheus"}},
                                      nullptr, layered);
  EXPECT_EQ(options.exporter, TraceExporter::kConsole);
  EXPECT_EQ(options.service_name, "mine");
  EXPECT_EQ(options.sampler_ratio, 0.5);
  EXPECT_EQ(options.otlp.endpoint, "http://a:1");
  EXPECT_EQ(TracerOptions().exporter, TraceExporter::kNone);
}

TEST(TraceOptionsTest, ReadsAll) {
  const TracerOptions options = Apply({
      {"OTEL_TRACES_EXPORTER", "OTLP"},
      {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4317"},
      {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b%3D, x-scope = team "},
      {"OTEL_EXPORTER_OTLP_TIMEOUT", "1500"},
      {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"},
      {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"},
      {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem"},
      {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/client.key"},
      {"OTEL_EXPORTER_OTLP_INSECURE", "True"},
      {"OTEL_SERVICE_NAME", "wins"},
      {"OTEL_RESOURCE_ATTRIBUTES", "service.name=loses,zone=a%2Cb,zone=c,host.name=h"},
      {"OTEL_TRACES_SAMPLER", "parentbased_traceidratio"},
      {"OTEL_TRACES_SAMPLER_ARG", "0.25"},
      {"OTEL_BSP_SCHEDULE_DELAY", "100"},
      {"OTEL_BSP_EXPORT_TIMEOUT", "200"},
      {"OTEL_BSP_MAX_QUEUE_SIZE", "300"},
      {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "40"},
      {"OTEL_ATTRIBUTE_COUNT_LIMIT", "9"},
      {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "10"},
      {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "11"},
      {"OTEL_SPAN_EVENT_COUNT_LIMIT", "12"},
  });
  EXPECT_EQ(options.exporter, TraceExporter::kOtlp);
  EXPECT_EQ(options.otlp.protocol, OtlpProtocol::kGrpc);
  EXPECT_EQ(options.otlp.endpoint, "https://collector:4317");
  EXPECT_THAT(options.otlp.headers, ElementsAre(Pair("api-key", "a b="), Pair("x-scope", "team")));
  EXPECT_EQ(options.otlp.timeout_ms, 1500);
  EXPECT_TRUE(options.otlp.gzip);
  EXPECT_EQ(options.otlp.certificate_file, "/ca.pem");
  EXPECT_EQ(options.otlp.client_certificate_file, "/client.pem");
  EXPECT_EQ(options.otlp.client_key_file, "/client.key");
  EXPECT_TRUE(options.otlp.insecure);
  EXPECT_EQ(options.service_name, "wins");
  EXPECT_THAT(options.resource_attributes, ElementsAre(Pair("zone", "c"), Pair("host.name", "h")));
  EXPECT_EQ(options.sampler, TraceSampler::kParentBasedTraceIdRatio);
  EXPECT_EQ(options.sampler_ratio, 0.25);
  EXPECT_EQ(options.batch.schedule_delay_ms, 100);
  EXPECT_EQ(options.batch.export_timeout_ms, 200);
  EXPECT_EQ(options.batch.max_queue_spans, 300);
  EXPECT_EQ(options.batch.max_batch_spans, 40);
  EXPECT_EQ(options.limits.attributes, 10);
  EXPECT_EQ(options.limits.attribute_value_characters, 11);
  EXPECT_EQ(options.limits.events, 12);
}

TEST(TraceOptionsTest, VariablesOfTracesWin) {
  const TracerOptions options = Apply({
      {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
      {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"},
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1"},
      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:2/in"},
      {"OTEL_EXPORTER_OTLP_HEADERS", "a=1"},
      {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2"},
      {"OTEL_EXPORTER_OTLP_TIMEOUT", "1"},
      {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2"},
      {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/1"},
      {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/2"},
      {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"},
      {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"},
  });
  EXPECT_EQ(options.exporter, TraceExporter::kOtlp);  // since there is an endpoint
  EXPECT_EQ(options.otlp.protocol, OtlpProtocol::kHttpProtobuf);
  EXPECT_FALSE(options.otlp.endpoint_is_base);
  EXPECT_THAT(options.otlp.headers, ElementsAre(Pair("b", "2")));
  EXPECT_EQ(options.otlp.timeout_ms, 2);
  EXPECT_EQ(options.otlp.certificate_file, "/2");
  EXPECT_FALSE(options.otlp.gzip);
}

TEST(TraceOptionsTest, WhatTurnsTracesOff) {
  TracerOptions on;
  on.exporter = TraceExporter::kOtlp;
  EXPECT_EQ(Apply({{"OTEL_TRACES_EXPORTER", "none"}}, nullptr, on).exporter, TraceExporter::kNone);
  const Variables disabled = {{"OTEL_SDK_DISABLED", "TRUE"}, {"OTEL_TRACES_EXPORTER", "console"}};
  EXPECT_EQ(Apply(disabled, nullptr, on).exporter, TraceExporter::kNone);
  const Variables none = {{"OTEL_TRACES_EXPORTER", "none"},
                          {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"}};
  EXPECT_EQ(Apply(none).exporter, TraceExporter::kNone);
}

TEST(TraceOptionsTest, SamplersByName) {
  EXPECT_EQ(ParseTraceSampler("always_on"), TraceSampler::kAlwaysOn);
  EXPECT_EQ(ParseTraceSampler("always_off"), TraceSampler::kAlwaysOff);
  EXPECT_EQ(ParseTraceSampler("TraceIdRatio"), TraceSampler::kTraceIdRatio);
  EXPECT_EQ(ParseTraceSampler("parentbased_always_on"), TraceSampler::kParentBasedAlwaysOn);
  EXPECT_EQ(ParseTraceSampler("parentbased_always_off"), TraceSampler::kParentBasedAlwaysOff);
  EXPECT_EQ(ParseTraceSampler("jaeger_remote"), std::nullopt);
  EXPECT_EQ(ParseTraceExporter("zipkin"), std::nullopt);
  EXPECT_EQ(ParseOtlpProtocol("http/json"), std::nullopt);
}

TEST(TraceOptionsTest, WhatCannotBeUsedIsToldAndIgnored) {
  const Variables cases = {
      {"OTEL_TRACES_EXPORTER", "zipkin"},
      {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
      {"OTEL_EXPORTER_OTLP_TIMEOUT", "-1"},
      {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"},
      {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"},
      {"OTEL_EXPORTER_OTLP_INSECURE", "1"},
      {"OTEL_TRACES_SAMPLER", "xray"},
      {"OTEL_TRACES_SAMPLER_ARG", "0.1"},
      {"OTEL_BSP_SCHEDULE_DELAY", "99999999999999999999"},
      {"OTEL_BSP_EXPORT_TIMEOUT", "1.5"},
      {"OTEL_BSP_MAX_QUEUE_SIZE", "0"},
      {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"},
      {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x"},
      {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-5"},
      {"OTEL_SPAN_EVENT_COUNT_LIMIT", " - "},
      {"OTEL_RESOURCE_ATTRIBUTES", "a=1,b"},
      {"OTEL_SDK_DISABLED", "yes"},
  };
  for (const auto& [name, value] : cases) {
    std::vector<OtelProblem> problems;
    const TracerOptions options = Apply({{name, value}}, &problems);
    ASSERT_EQ(problems.size(), 1U) << name;
    EXPECT_EQ(problems[0].variable, name);
    EXPECT_EQ(options.batch.max_queue_spans, 2048);
    EXPECT_EQ(options.batch.max_batch_spans, name == "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" ? 2048 : 512);
    EXPECT_EQ(options.otlp.timeout_ms, 10'000);
    EXPECT_EQ(options.otlp.endpoint, "");
    EXPECT_THAT(options.resource_attributes, IsEmpty());
    EXPECT_EQ(options.sampler, TraceSampler::kParentBasedAlwaysOn);
  }
  std::vector<OtelProblem> problems;
  for (const char* ratio : {"1.01", "-0.1", "nan", "half", "0.5x", "inf"}) {
    const Variables variables = {{"OTEL_TRACES_SAMPLER", "traceidratio"},
                                 {"OTEL_TRACES_SAMPLER_ARG", ratio}};
    EXPECT_EQ(Apply(variables, &problems).sampler_ratio, 1) << ratio;
    EXPECT_EQ(problems.size(), 1U) << ratio;
  }
}

TEST(TraceOptionsTest, NoProblemShowsASecret) {
  const std::string secret = "s3cr3t";
  const Variables cases = {
      {"OTEL_EXPORTER_OTLP_HEADERS", secret},
      {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=" + secret + "%0d%0aHost: x"},
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://" + secret + "@host/"},
      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://host/" + secret},
  };
  for (const auto& [name, value] : cases) {
    std::vector<OtelProblem> problems;
    const TracerOptions options = Apply({{name, value}}, &problems);
    ASSERT_EQ(problems.size(), 1U) << name;
    EXPECT_THAT(problems[0].what, Not(HasSubstr(secret)));
    EXPECT_THAT(options.otlp.headers, IsEmpty());
    EXPECT_EQ(options.otlp.endpoint, "");
  }
}

OtlpOptions Endpoint(const std::string& endpoint, OtlpProtocol protocol, bool is_base = true) {
  OtlpOptions options;
  options.endpoint = endpoint;
  options.protocol = protocol;
  options.endpoint_is_base = is_base;
  return options;
}

TEST(OtlpEndpointTest, Http) {
  const struct {
    const char* endpoint;
    bool is_base;
    const char* display;
    const char* path;
    bool tls;
  } cases[] = {
      {"", true, "localhost:4318", "/v1/traces", false},
      {"", false, "localhost:4318", "/v1/traces", false},
      {"http://c:4318", true, "c:4318", "/v1/traces", false},
      {"http://c:4318/", true, "c:4318", "/v1/traces", false},
      {"https://c/otlp", true, "c:443", "/otlp/v1/traces", true},
      {"HTTP://c/otlp/?key=1", true, "c:80", "/otlp/v1/traces?key=1", false},
      {"http://c?key=1", true, "c:80", "/v1/traces?key=1", false},
      {"http://c:9", false, "c:9", "/", false},
      {"http://c:9/x/v1/traces", false, "c:9", "/x/v1/traces", false},
      {"http://[::1]:9/x", false, "[::1]:9", "/x", false},
      {"https://[::1]", false, "[::1]:443", "/", true},
  };
  for (const auto& c : cases) {
    const auto found =
        ResolveOtlpEndpoint(Endpoint(c.endpoint, OtlpProtocol::kHttpProtobuf, c.is_base));
    ASSERT_TRUE(found.ok()) << c.endpoint << found.status();
    EXPECT_EQ(found->display, c.display) << c.endpoint;
    EXPECT_EQ(found->path, c.path) << c.endpoint;
    EXPECT_EQ(found->tls, c.tls) << c.endpoint;
  }
}

TEST(OtlpEndpointTest, Grpc) {
  const struct {
    const char* endpoint;
    bool insecure;
    const char* target;
    bool tls;
  } cases[] = {
      {"", false, "localhost:4317", false},
      {"http://c:4317", false, "c:4317", false},
      {"https://c:4317/ignored", true, "c:4317", true},
      {"https://c", false, "c:443", true},
      {"c:5000", false, "c:5000", true},
      {"c:5000", true, "c:5000", false},
      {"c", true, "c:4317", false},
      {"[::1]:5000", true, "[::1]:5000", false},
      {"dns:///c:5000", true, "dns:///c:5000", false},
      {"unix:/run/collector", true, "unix:/run/collector", false},
  };
  for (const auto& c : cases) {
    OtlpOptions options = Endpoint(c.endpoint, OtlpProtocol::kGrpc);
    options.insecure = c.insecure;
    const auto found = ResolveOtlpEndpoint(options);
    ASSERT_TRUE(found.ok()) << c.endpoint << found.status();
    EXPECT_EQ(found->target, c.target) << c.endpoint;
    EXPECT_EQ(found->tls, c.tls) << c.endpoint;
  }
}

TEST(OtlpEndpointTest, MalformedEndpoints) {
  for (const std::string endpoint :
       {"http://", "http:///path", "http://:80", "http://c:0", "http://c:65536", "http://c:x",
        "http://c:", "http://a b", "http://c/\r\nX: y", "http://user@c", "http://[::1", "http://[]",
        "http://::1]:5", "http://\xc3\xa4", "user@c:5", "dns:///user@c"}) {
    EXPECT_FALSE(ResolveOtlpEndpoint(Endpoint(endpoint, OtlpProtocol::kGrpc)).ok()) << endpoint;
  }
  for (const std::string endpoint : {"c:4318", "c", "grpc://c", "/path"}) {
    EXPECT_FALSE(ResolveOtlpEndpoint(Endpoint(endpoint, OtlpProtocol::kHttpProtobuf)).ok())
        << endpoint;
  }
  EXPECT_FALSE(ResolveOtlpEndpoint(
                   Endpoint("http://c/" + std::string(5000, 'x'), OtlpProtocol::kHttpProtobuf))
                   .ok());
}

TEST(OtlpEndpointTest, Headers) {
  EXPECT_TRUE(CheckOtlpHeader("Authorization", "Bearer x").ok());
  EXPECT_TRUE(CheckOtlpHeader("x-y_z.1", "").ok());
  for (const char* name : {"", "a b", "a:b", "a\n", "\xc3\xa4", "Content-Length", "HOST", "te",
                           "grpc-timeout", "transfer-encoding"}) {
    EXPECT_FALSE(CheckOtlpHeader(name, "x").ok()) << name;
  }
  for (const char* value : {"a\r\nb: c", "\x01", "\x7f", "\xc3\xa4"}) {
    EXPECT_FALSE(CheckOtlpHeader("name", value).ok());
  }
  EXPECT_FALSE(CheckOtlpHeader("name", std::string(10'000, 'x')).ok());
}

}  // namespace
}  // namespace longbow::telemetry
