#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/clock.h>
#include <longbow/testing/recording_logger.h>

#include "base/random.h"
#include "otlp/v1/rpc_status.pb.h"
#include "otlp/v1/trace.pb.h"
#include "telemetry/otlp_transport.h"
#include "telemetry/trace.h"
#include "telemetry/trace_certificates.h"
#include "telemetry/trace_fakes.h"

namespace longbow::telemetry {
namespace {

namespace wire = longbow::otlp::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

struct Received {
  std::string method;
  std::string body;
  std::multimap<std::string, std::string> metadata;
};

/// A collector that speaks gRPC.
class GrpcCollector : public grpc::CallbackGenericService {
 public:
  explicit GrpcCollector(
      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~GrpcCollector() override { server_->Shutdown(std::chrono::system_clock::now()); }

  void Answer(grpc::Status status, std::string body = {}) {
    std::lock_guard lock(state_->mutex);
    state_->status = std::move(status);
    state_->body = std::move(body);
  }
  /// From now on calls are not answered.
  void Hang() {
    std::lock_guard lock(state_->mutex);
    state_->hangs = true;
  }
  std::vector<Received> received() {
    std::lock_guard lock(state_->mutex);
    return state_->received;
  }
  std::string Url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Call(state_, context);
  }

 private:
  // Shared with the calls: their last words may come after the collector's end.
  struct State {
    std::mutex mutex;
    grpc::Status status;
    std::string body;
    bool hangs = false;
    std::vector<Received> received;
  };

  class Call : public grpc::ServerGenericBidiReactor {
   public:
    Call(std::shared_ptr<State> state, grpc::GenericCallbackServerContext* context)
        : state_(std::move(state)), context_(context) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return FinishOnce(grpc::Status::CANCELLED);
      Received received{context_->method(), BytesOf(request_), {}};
      for (const auto& [name, value] : context_->client_metadata()) {
        received.metadata.emplace(std::string(name.data(), name.size()),
                                  std::string(value.data(), value.size()));
      }
      std::unique_lock lock(state_->mutex);
      state_->received.push_back(std::move(received));
      if (state_->hangs) return;
      const grpc::Status status = state_->status;
      const grpc::Slice slice(state_->body);
      lock.unlock();
      if (!status.ok()) return FinishOnce(status);
      if (finished_.exchange(true)) return;
      response_ = grpc::ByteBuffer(&slice, 1);
      StartWriteAndFinish(&response_, grpc::WriteOptions(), status);
    }
    void OnCancel() override {
      std::unique_lock lock(state_->mutex);
      const bool hangs = state_->hangs;
      lock.unlock();
      if (hangs) FinishOnce(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    // A call that is cancelled while it is read would end twice.
    void FinishOnce(const grpc::Status& status) {
      if (!finished_.exchange(true)) Finish(status);
    }

    const std::shared_ptr<State> state_;
    grpc::GenericCallbackServerContext* const context_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;
    std::atomic<bool> finished_{false};
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class GrpcTransportTest : public ::testing::Test {
 protected:
  std::unique_ptr<OtlpTransport> Make(const OtlpOptions& options) {
    auto endpoint = ResolveOtlpEndpoint(options);
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    auto transport = MakeOtlpGrpcTransport(options, *endpoint, &clock_);
    EXPECT_TRUE(transport.ok()) << transport.status();
    return std::move(*transport);
  }
  SendResult Send(const OtlpOptions& options, const std::string& body = "body") {
    return Make(options)->Send(body, clock_.Now() + kTestLimit);
  }
  static OtlpOptions To(const std::string& url) {
    OtlpOptions options;
    options.protocol = OtlpProtocol::kGrpc;
    options.endpoint = url;
    return options;
  }

  SystemClock clock_;
};

TEST_F(GrpcTransportTest, CallsTheService) {
  GrpcCollector collector;
  OtlpOptions options = To(collector.Url());
  options.headers = {{"Api-Key", "s3cr3t"}};
  for (const bool gzip : {false, true}) {
    options.gzip = gzip;
    const SendResult result = Send(options, std::string("\0\1", 2) + std::string(10'000, 'x'));
    EXPECT_TRUE(result.status.ok()) << result.status;
  }
  const auto received = collector.received();
  ASSERT_EQ(received.size(), 2U);
  for (const Received& call : received) {
    EXPECT_EQ(call.method, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    EXPECT_EQ(call.body, std::string("\0\1", 2) + std::string(10'000, 'x'));
    ASSERT_EQ(call.metadata.count("api-key"), 1U);
    EXPECT_EQ(call.metadata.find("api-key")->second, "s3cr3t");
  }
}

std::string RetryInfo(int64_t delay_seconds) {
  wire::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(delay_seconds);
  wire::RpcStatus status;
  status.add_details()->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  status.mutable_details(0)->set_value(info.SerializeAsString());
  return status.SerializeAsString();
}

TEST_F(GrpcTransportTest, Answers) {
  GrpcCollector collector;
  using Code = grpc::StatusCode;
  const struct {
    Code code;
    std::string details;
    bool may_retry;
  } cases[] = {
      {Code::UNAVAILABLE, "", true},
      {Code::ABORTED, "", true},
      {Code::OUT_OF_RANGE, "", true},
      {Code::DATA_LOSS, "", true},
      {Code::CANCELLED, "", true},
      {Code::DEADLINE_EXCEEDED, "", true},
      {Code::RESOURCE_EXHAUSTED, "", false},
      {Code::RESOURCE_EXHAUSTED, "garbage", false},
      {Code::RESOURCE_EXHAUSTED, RetryInfo(5), true},
      {Code::UNAVAILABLE, RetryInfo(5), true},
      {Code::INVALID_ARGUMENT, "", false},
      {Code::UNIMPLEMENTED, "", false},
      {Code::UNAUTHENTICATED, "", false},
      {Code::PERMISSION_DENIED, "", false},
      {Code::INTERNAL, "", false},
  };
  for (const auto& c : cases) {
    collector.Answer(grpc::Status(c.code, "because", c.details));
    const SendResult result = Send(To(collector.Url()));
    EXPECT_THAT(result.status.message(), HasSubstr("because"));
    EXPECT_EQ(result.may_retry, c.may_retry) << c.code;
    EXPECT_EQ(result.retry_after.has_value(), c.details.size() > 10) << c.code;
    EXPECT_EQ(result.retry_after.value_or(seconds(5)), seconds(5));
  }
  wire::ExportTraceResponse partial;
  partial.mutable_partial_success()->set_rejected_spans(2);
  collector.Answer(grpc::Status::OK, partial.SerializeAsString());
  EXPECT_THAT(Send(To(collector.Url())).status.message(), HasSubstr("rejected 2 spans"));
  collector.Answer(grpc::Status::OK, std::string(1'000'000, 'x'));
  EXPECT_FALSE(Send(To(collector.Url())).status.ok());
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(GrpcTransportTest, TlsWithAnAuthorityAndAClientsCertificate) {
  const TestCertificate of_server;
  const TestCertificate of_client;
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = Contents(of_client.certificate_file());
  tls.pem_key_cert_pairs = {
      {Contents(of_server.key_file()), Contents(of_server.certificate_file())}};
  GrpcCollector collector(grpc::SslServerCredentials(tls));
  OtlpOptions options = To(collector.Url("https"));
  options.certificate_file = of_server.certificate_file();
  options.client_certificate_file = of_client.certificate_file();
  options.client_key_file = of_client.key_file();
  const SendResult good = Send(options);
  EXPECT_TRUE(good.status.ok()) << good.status;
  OtlpOptions nobody = options;
  nobody.client_certificate_file = nobody.client_key_file = "";
  EXPECT_FALSE(Send(nobody).status.ok());
  OtlpOptions another = options;
  another.certificate_file = of_client.certificate_file();
  EXPECT_FALSE(Send(another).status.ok());
  EXPECT_FALSE(Send(To(collector.Url("http"))).status.ok());
  EXPECT_EQ(collector.received().size(), 1U);
}

TEST_F(GrpcTransportTest, NobodyThere) {
  std::string url;
  {
    GrpcCollector gone;
    url = gone.Url();
  }
  const SendResult result = Send(To(url));
  EXPECT_FALSE(result.status.ok());
  EXPECT_TRUE(result.may_retry);
}

TEST_F(GrpcTransportTest, ADeadlineHolds) {
  GrpcCollector collector;
  collector.Hang();
  const MonotonicTime begin = clock_.Now();
  const SendResult result = Make(To(collector.Url()))->Send("a", begin + milliseconds(50));
  EXPECT_FALSE(result.status.ok());
  EXPECT_TRUE(result.may_retry);
  EXPECT_LT(clock_.Now() - begin, kTestLimit);
}

TEST_F(GrpcTransportTest, CancelEndsASend) {
  GrpcCollector collector;
  collector.Hang();
  for (int i = 0; i < 20; ++i) {
    auto transport = Make(To(collector.Url()));
    std::thread ends([&] { transport->Cancel(); });
    const MonotonicTime begin = clock_.Now();
    EXPECT_FALSE(transport->Send("a", begin + 10 * kTestLimit).status.ok());
    EXPECT_LT(clock_.Now() - begin, kTestLimit);
    ends.join();
    EXPECT_FALSE(transport->Send("a", begin + 10 * kTestLimit).status.ok());
  }
}

class GrpcTracerTest : public GrpcTransportTest {
 protected:
  std::unique_ptr<Tracer> MakeTracer(const std::string& url) {
    TracerOptions options;
    options.exporter = TraceExporter::kOtlp;
    options.otlp = To(url);
    options.otlp.headers = {{"api-key", "s3cr3t"}};
    return *Tracer::Make(options, {&clock_, &random_, &logger_});
  }

  SystemRandom random_;
  testing::RecordingLogger logger_;
};

TEST_F(GrpcTracerTest, SpansArrive) {
  GrpcCollector collector;
  auto tracer = MakeTracer(collector.Url());
  {
    Span root = tracer->Start({.name = "root", .kind = SpanKind::kServer});
    Span child = tracer->Start({.name = "child", .parent = &root.context()});
  }
  tracer->Shutdown(kTestLimit);
  ASSERT_EQ(collector.received().size(), 1U);
  wire::ExportTraceRequest request;
  ASSERT_TRUE(request.ParseFromString(collector.received()[0].body));
  const auto& scope = request.resource_spans(0).scope_spans(0);
  ASSERT_EQ(scope.spans_size(), 2);
  EXPECT_EQ(scope.spans(0).parent_span_id(), scope.spans(1).span_id());
  EXPECT_EQ(tracer->statistics().exported, 2);
}

TEST_F(GrpcTracerTest, AnUnreachableCollectorCostsNoCallAnything) {
  std::string closed;
  {
    GrpcCollector gone;
    closed = gone.Url();
  }
  GrpcCollector silent;
  silent.Hang();
  for (const std::string& url : {closed, silent.Url(), std::string("http://no.invalid:1")}) {
    auto tracer = MakeTracer(url);
    const MonotonicTime begin = clock_.Now();
    for (int i = 0; i < 10'000; ++i) {
      Span span = tracer->Start({.name = "call"});
      span.SetAttribute("number", int64_t{i});
    }
    EXPECT_LT(clock_.Now() - begin, seconds(1));
    EXPECT_LE(tracer->statistics().queued, 2048);
    const MonotonicTime end = clock_.Now();
    tracer->Shutdown(milliseconds(50));
    EXPECT_LT(clock_.Now() - end, kTestLimit);
    EXPECT_EQ(tracer->statistics().exported, 0);
    EXPECT_EQ(tracer->statistics().dropped + tracer->statistics().lost, 10'000);
  }
  EXPECT_FALSE(logger_.Contains("s3cr3t"));
}

TEST_F(GrpcTracerTest, ACollectorThatRepeatsASecretDoesNotGetItIntoTheLog) {
  GrpcCollector collector;
  collector.Answer(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "no such key: s3cr3t"));
  auto tracer = MakeTracer(collector.Url());
  tracer->Start({.name = "a"});
  tracer->Shutdown(kTestLimit);
  EXPECT_TRUE(logger_.Contains("no such key"));
  EXPECT_FALSE(logger_.Contains("s3cr3t"));
}

}  // namespace
}  // namespace longbow::telemetry
