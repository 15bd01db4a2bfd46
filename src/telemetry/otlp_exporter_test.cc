#include "telemetry/otlp_exporter.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

#include "base/random.h"
#include "otlp/v1/rpc_status.pb.h"
#include "otlp/v1/trace.pb.h"
#include "telemetry/otlp_messages.h"
#include "telemetry/trace_fakes.h"

namespace longbow::telemetry {
namespace {

namespace wire = longbow::otlp::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

SpanBatch OneSpan() {
  SpanBatch batch;
  auto span = std::make_unique<SpanData>();
  span->context.trace_id.fill(1);
  span->context.span_id.fill(2);
  span->context.state = "a=1";
  span->parent_span_id.fill(3);
  span->name = "DoGet \xff";
  span->kind = SpanKind::kClient;
  span->start = WallTime(seconds(100));
  span->end = WallTime(seconds(101));
  span->attributes = {{"flag", true},
                      {"number", int64_t{-5}},
                      {"real", 2.5},
                      {"text", std::string("\xc3\xa4\xff")}};
  span->dropped_attributes = 6;
  span->events = {{"event", WallTime(milliseconds(100'500))}};
  span->dropped_events = 7;
  span->failed = true;
  span->error = "why";
  batch.push_back(std::move(span));
  return batch;
}

TEST(OtlpMessagesTest, ASpanHasAllFields) {
  wire::ExportTraceRequest request;
  ASSERT_TRUE(request.ParseFromString(
      EncodeExportRequest(OneSpan(), "me", {{"zone", "x"}, {"service.name", "twice"}})));
  ASSERT_EQ(request.resource_spans_size(), 1);
  const auto& resource = request.resource_spans(0).resource();
  ASSERT_EQ(resource.attributes_size(), 2);
  EXPECT_EQ(resource.attributes(0).key(), "service.name");
  EXPECT_EQ(resource.attributes(0).value().string_value(), "me");
  EXPECT_EQ(resource.attributes(1).key(), "zone");
  ASSERT_EQ(request.resource_spans(0).scope_spans_size(), 1);
  const auto& scope = request.resource_spans(0).scope_spans(0);
  EXPECT_EQ(scope.scope().name(), "longbow");
  ASSERT_EQ(scope.spans_size(), 1);
  const wire::Span& span = scope.spans(0);
  EXPECT_EQ(span.trace_id(), std::string(16, '\1'));
  EXPECT_EQ(span.span_id(), std::string(8, '\2'));
  EXPECT_EQ(span.parent_span_id(), std::string(8, '\3'));
  EXPECT_EQ(span.trace_state(), "a=1");
  EXPECT_EQ(span.name(), "DoGet \xef\xbf\xbd");
  EXPECT_EQ(span.kind(), wire::Span::KIND_CLIENT);
  EXPECT_EQ(span.start_time_unix_nano(), 100'000'000'000U);
  EXPECT_EQ(span.end_time_unix_nano(), 101'000'000'000U);
  ASSERT_EQ(span.attributes_size(), 4);
  EXPECT_TRUE(span.attributes(0).value().bool_value());
  EXPECT_EQ(span.attributes(1).value().int_value(), -5);
  EXPECT_EQ(span.attributes(2).value().double_value(), 2.5);
  EXPECT_EQ(span.attributes(3).value().string_value(), "\xc3\xa4\xef\xbf\xbd");
  EXPECT_EQ(span.dropped_attributes_count(), 6U);
  ASSERT_EQ(span.events_size(), 1);
  EXPECT_EQ(span.events(0).time_unix_nano(), 100'500'000'000U);
  EXPECT_EQ(span.dropped_events_count(), 7U);
  EXPECT_EQ(span.status().code(), wire::SpanStatus::CODE_ERROR);
  EXPECT_EQ(span.status().message(), "why");
}

TEST(OtlpMessagesTest, ARootHasNoParentAndNoStatus) {
  SpanBatch batch = OneSpan();
  batch[0]->parent_span_id.fill(0);
  batch[0]->failed = false;
  batch[0]->start = WallTime(seconds(-1));
  wire::ExportTraceRequest request;
  ASSERT_TRUE(request.ParseFromString(EncodeExportRequest(batch, "me", {})));
  const wire::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  EXPECT_EQ(span.parent_span_id(), "");
  EXPECT_FALSE(span.has_status());
  EXPECT_EQ(span.start_time_unix_nano(), 0U);
}

TEST(OtlpMessagesTest, Answers) {
  EXPECT_TRUE(CheckExportResponse("").ok());
  EXPECT_TRUE(CheckExportResponse("{\"not\": \"protobuf\"}").ok());
  wire::ExportTraceResponse answer;
  answer.mutable_partial_success()->set_error_message("a warning");
  EXPECT_TRUE(CheckExportResponse(answer.SerializeAsString()).ok());
  answer.mutable_partial_success()->set_rejected_spans(3);
  const arrow::Status status = CheckExportResponse(answer.SerializeAsString());
  EXPECT_THAT(status.message(), HasSubstr("rejected 3 spans"));
  EXPECT_THAT(status.message(), HasSubstr("a warning"));
}

std::string Details(int64_t delay_seconds, int32_t nanos, const std::string& type) {
  wire::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(delay_seconds);
  info.mutable_retry_delay()->set_nanos(nanos);
  wire::RpcStatus status;
  status.add_details()->set_type_url("type.googleapis.com/google.rpc.Help");
  status.add_details()->set_type_url("type.googleapis.com/" + type);
  status.mutable_details(1)->set_value(info.SerializeAsString());
  return status.SerializeAsString();
}

TEST(OtlpMessagesTest, RetryDelays) {
  EXPECT_EQ(ReadRetryDelay(""), std::nullopt);
  EXPECT_EQ(ReadRetryDelay("\xff\xff\xff"), std::nullopt);
  EXPECT_EQ(ReadRetryDelay(Details(1, 0, "google.rpc.DebugInfo")), std::nullopt);
  EXPECT_EQ(ReadRetryDelay(Details(1, 250'000'000, "google.rpc.RetryInfo")), milliseconds(1250));
  EXPECT_EQ(ReadRetryDelay(Details(-7, -7, "google.rpc.RetryInfo")), milliseconds(0));
  EXPECT_EQ(ReadRetryDelay(Details(INT64_MAX, 0, "google.rpc.RetryInfo")), seconds(3600));
}

class OtlpExporterTest : public ::testing::Test {
 protected:
  OtlpExporterTest() {
    exporter_ = MakeOtlpExporterWith({.service_name = "me",
                                      .resource_attributes = {},
                                      .timeout_ms = 100,
                                      .retry = {.initial_backoff_ms = 1, .max_backoff_ms = 2},
                                      .destination = "c:1",
                                      .headers = {{"api-key", "s3cr3t"}, {"x", "1"}}},
                                     {&clock_, &random_, &logger_},
                                     std::make_unique<FakeTransport>(transport_));
  }
  SendResult Failed(bool may_retry, std::optional<milliseconds> after = {}) {
    return {MakeError(ErrorCode::kCommandFailed, "the s3cr3t is 1"), may_retry, after};
  }
  arrow::Status Export(milliseconds timeout = milliseconds(1000)) {
    return exporter_->Export(OneSpan(), clock_.Now() + timeout);
  }

  testing::FakeClock clock_;
  FakeRandom random_;
  testing::RecordingLogger logger_;
  std::shared_ptr<FakeTransportState> transport_ = std::make_shared<FakeTransportState>();
  std::unique_ptr<SpanExporter> exporter_;
};

TEST_F(OtlpExporterTest, RetriesUntilItIsTaken) {
  transport_->answers = {Failed(true), Failed(true), Failed(true, milliseconds(3))};
  EXPECT_TRUE(Export().ok());
  ASSERT_EQ(transport_->requests.size(), 4U);
  EXPECT_EQ(transport_->requests[0], transport_->requests[3]);
  EXPECT_EQ(transport_->deadlines[0], clock_.Now() + milliseconds(100));
}

TEST_F(OtlpExporterTest, GivesUpWhereARetryIsOfNoUse) {
  transport_->answers = {Failed(false)};
  const arrow::Status status = Export();
  EXPECT_EQ(transport_->requests.size(), 1U);
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kCommandFailed);
  EXPECT_THAT(status.message(), Not(HasSubstr("s3cr3t")));
  EXPECT_THAT(status.message(), HasSubstr("the [secret] is 1"));
}

TEST_F(OtlpExporterTest, GivesUpAtTheDeadline) {
  for (int i = 0; i < 100; ++i) transport_->answers.push_back(Failed(true));
  transport_->on_send = [this] { clock_.Advance(milliseconds(30)); };
  EXPECT_FALSE(Export(milliseconds(100)).ok());
  EXPECT_EQ(transport_->requests.size(), 4U);
  // A try has no more time than the batch.
  EXPECT_EQ(transport_->deadlines[3], transport_->deadlines[0]);
}

TEST_F(OtlpExporterTest, ACollectorThatWantsPeaceGetsIt) {
  transport_->answers = {Failed(true, seconds(120))};
  EXPECT_FALSE(Export().ok());
  EXPECT_EQ(transport_->requests.size(), 1U);
  // The next batch has to wait, too, and has not the time.
  EXPECT_EQ(ErrorCodeOf(Export(milliseconds(1))), ErrorCode::kBackpressure);
  EXPECT_EQ(transport_->requests.size(), 1U);
  clock_.Advance(seconds(121));
  EXPECT_TRUE(Export().ok());
  EXPECT_EQ(transport_->requests.size(), 2U);
}

TEST_F(OtlpExporterTest, PeaceHasALimit) {
  transport_->answers = {Failed(true, seconds(3600))};
  EXPECT_FALSE(Export().ok());
  clock_.Advance(seconds(301));
  EXPECT_TRUE(Export().ok());
}

TEST_F(OtlpExporterTest, CancelEndsTheWait) {
  transport_->answers = {Failed(true, seconds(200)), Failed(true)};
  // The fake clock stands still: without `Cancel` this would wait for 200 s.
  transport_->on_send = [this] { exporter_->Cancel(); };
  EXPECT_FALSE(Export(seconds(1000)).ok());
  EXPECT_TRUE(transport_->cancelled);
  EXPECT_FALSE(Export(seconds(1000)).ok());
  EXPECT_EQ(transport_->requests.size(), 1U);
}

TEST(MakeOtlpExporterTest, RefusesWhatCannotWork) {
  testing::FakeClock clock;
  FakeRandom random;
  testing::RecordingLogger logger;
  const TracerParts parts = {&clock, &random, &logger};
  TracerOptions good;
  good.exporter = TraceExporter::kOtlp;
  ASSERT_TRUE(Tracer::Make(good, parts).ok());
  const auto refuses = [&](const std::function<void(OtlpOptions*)>& change) {
    for (const OtlpProtocol protocol : {OtlpProtocol::kGrpc, OtlpProtocol::kHttpProtobuf}) {
      TracerOptions options = good;
      options.otlp.protocol = protocol;
      options.otlp.endpoint = "https://localhost:1";
      change(&options.otlp);
      const auto made = Tracer::Make(options, parts);
      EXPECT_EQ(ErrorCodeOf(made.status()), ErrorCode::kBadArgument) << made.status();
      EXPECT_THAT(made.status().message(), Not(HasSubstr("s3cr3t")));
    }
  };
  refuses([](OtlpOptions* options) { options->endpoint = "http://"; });
  refuses([](OtlpOptions* options) { options->headers = {{"a", "s3cr3t\r\nb: c"}}; });
  refuses([](OtlpOptions* options) { options->headers = {{"Host", "s3cr3t"}}; });
  refuses([](OtlpOptions* options) { options->headers = TextPairs(65, {"a", "b"}); });
  refuses([](OtlpOptions* options) { options->certificate_file = "/does/not/exist.pem"; });
  refuses([](OtlpOptions* options) { options->certificate_file = "/dev/null"; });
  refuses([](OtlpOptions* options) { options->client_key_file = "/a.pem"; });
}

}  // namespace
}  // namespace longbow::telemetry
