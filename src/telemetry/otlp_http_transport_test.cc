#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <longbow/clock.h>
#include <longbow/testing/recording_logger.h>

#include "base/random.h"
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

/// A collector that speaks HTTP.
class HttpCollector {
 public:
  explicit HttpCollector(std::unique_ptr<httplib::Server> server) : server_(std::move(server)) {
    server_->Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      answer_(response);
    });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }
  ~HttpCollector() {
    server_->stop();
    thread_.join();
  }
  void Answer(std::function<void(httplib::Response&)> answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::vector<httplib::Request> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::string Url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

 private:
  const std::unique_ptr<httplib::Server> server_;
  std::mutex mutex_;
  std::function<void(httplib::Response&)> answer_ = [](httplib::Response&) {};
  std::vector<httplib::Request> requests_;
  int port_ = 0;
  std::thread thread_;
};

/// Takes connections, or not, and never answers.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    struct sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(fd_); }
  void Listen() { EXPECT_EQ(listen(fd_, 8), 0); }
  /// Takes one connection and sends header after header, until the other side hangs up.
  void Trickle() {
    const int connection = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::string begin = "HTTP/1.1 200 OK\r\n";
    send(connection, begin.data(), begin.size(), MSG_NOSIGNAL);
    struct pollfd poll_fd = {connection, POLLRDHUP, 0};
    const auto limit = std::chrono::steady_clock::now() + kTestLimit;
    while (poll(&poll_fd, 1, 1) == 0 && std::chrono::steady_clock::now() < limit) {
      send(connection, "a: b\r\n", 6, MSG_NOSIGNAL);
    }
    close(connection);
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  const int fd_;
  int port_ = 0;
};

class HttpTransportTest : public ::testing::Test {
 protected:
  std::unique_ptr<OtlpTransport> Make(const OtlpOptions& options) {
    auto endpoint = ResolveOtlpEndpoint(options);
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    auto transport = MakeOtlpHttpTransport(options, *endpoint, &clock_);
    EXPECT_TRUE(transport.ok()) << transport.status();
    return std::move(*transport);
  }
  SendResult Send(const OtlpOptions& options, const std::string& body = "body") {
    return Make(options)->Send(body, clock_.Now() + kTestLimit);
  }
  static OtlpOptions To(const std::string& url) {
    OtlpOptions options;
    options.endpoint = url;
    return options;
  }

  SystemClock clock_;
};

TEST_F(HttpTransportTest, PostsTheBytes) {
  HttpCollector collector(std::make_unique<httplib::Server>());
  OtlpOptions options = To(collector.Url() + "/otlp");
  options.headers = {{"api-key", "s3cr3t"}, {"X-Team", "a b"}};
  const std::string body("\0\1binary\xff", 9);
  auto transport = Make(options);
  for (int i = 0; i < 20; ++i) {
    const SendResult result = transport->Send(body, clock_.Now() + kTestLimit);
    ASSERT_TRUE(result.status.ok()) << result.status;
  }
  const auto requests = collector.requests();
  ASSERT_EQ(requests.size(), 20U);
  EXPECT_EQ(requests[0].path, "/otlp/v1/traces");
  EXPECT_EQ(requests[0].body, body);
  EXPECT_EQ(requests[0].get_header_value("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(requests[0].get_header_value("api-key"), "s3cr3t");
  EXPECT_EQ(requests[0].get_header_value("x-team"), "a b");
  EXPECT_FALSE(requests[0].has_header("Content-Encoding"));
  EXPECT_EQ(requests[1].remote_port, requests[0].remote_port);  // the connection stays
}

TEST_F(HttpTransportTest, Gzip) {
  HttpCollector collector(std::make_unique<httplib::Server>());
  OtlpOptions options = To(collector.Url());
  options.gzip = true;
  const std::string body(100'000, 'x');
  ASSERT_TRUE(Send(options, body).status.ok());
  const auto requests = collector.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].get_header_value("Content-Encoding"), "gzip");
  EXPECT_LT(std::stoi(requests[0].get_header_value("Content-Length")), 5000);
  EXPECT_EQ(requests[0].body, body);  // the server has unpacked it
}

TEST_F(HttpTransportTest, Answers) {
  HttpCollector collector(std::make_unique<httplib::Server>());
  const auto send = [&](std::function<void(httplib::Response&)> answer) {
    collector.Answer(std::move(answer));
    return Send(To(collector.Url()));
  };
  for (const int status : {429, 502, 503, 504}) {
    const SendResult result = send([&](httplib::Response& response) { response.status = status; });
    EXPECT_THAT(result.status.message(), HasSubstr(std::to_string(status)));
    EXPECT_TRUE(result.may_retry) << status;
    EXPECT_EQ(result.retry_after, std::nullopt);
  }
  for (const int status : {301, 400, 401, 404, 413, 500, 501}) {
    const SendResult result = send([&](httplib::Response& response) {
      response.status = status;
      response.set_header("Location", "/elsewhere");
    });
    EXPECT_FALSE(result.status.ok()) << status;
    EXPECT_FALSE(result.may_retry) << status;
  }
  const SendResult partial = send([&](httplib::Response& response) {
    wire::ExportTraceResponse message;
    message.mutable_partial_success()->set_rejected_spans(2);
    response.set_content(message.SerializeAsString(), "application/x-protobuf");
  });
  EXPECT_THAT(partial.status.message(), HasSubstr("rejected 2 spans"));
  EXPECT_FALSE(partial.may_retry);
  const SendResult huge = send([&](httplib::Response& response) {
    response.set_content(std::string(10'000'000, 'x'), "application/x-protobuf");
  });
  EXPECT_FALSE(huge.status.ok());
  EXPECT_FALSE(huge.may_retry);
}

TEST_F(HttpTransportTest, RetryAfter) {
  HttpCollector collector(std::make_unique<httplib::Server>());
  const auto after = [&](const std::string& text) {
    collector.Answer([text](httplib::Response& response) {
      response.status = 503;
      response.set_header("Retry-After", text);
    });
    return Send(To(collector.Url())).retry_after;
  };
  EXPECT_EQ(after("7"), seconds(7));
  EXPECT_EQ(after("0"), seconds(0));
  EXPECT_EQ(after("999999999"), seconds(3600));
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:37 GMT"), seconds(0));
  EXPECT_EQ(after("Fri, 31 Dec 2999 23:59:59 GMT"), seconds(3600));
  for (const char* text : {"-7", "soon", "1.5", "99999999999999999999", "Fri, 31 Dec 2999"}) {
    EXPECT_EQ(after(text), std::nullopt) << text;
  }
}

TEST_F(HttpTransportTest, TlsWithAnAuthorityAndAClientsCertificate) {
  const TestCertificate of_server;
  const TestCertificate of_client;
  HttpCollector collector(std::make_unique<httplib::SSLServer>(
      of_server.certificate_file().c_str(), of_server.key_file().c_str(),
      of_client.certificate_file().c_str()));
  OtlpOptions options = To(collector.Url("https"));
  options.certificate_file = of_server.certificate_file();
  options.client_certificate_file = of_client.certificate_file();
  options.client_key_file = of_client.key_file();
  const SendResult good = Send(options);
  EXPECT_TRUE(good.status.ok()) << good.status;
  ASSERT_EQ(collector.requests().size(), 1U);

  OtlpOptions nobody = options;
  nobody.client_certificate_file = nobody.client_key_file = "";
  EXPECT_FALSE(Send(nobody).status.ok());
  OtlpOptions another = options;
  another.certificate_file = of_client.certificate_file();
  const SendResult refused = Send(another);
  EXPECT_FALSE(refused.status.ok());
  EXPECT_FALSE(refused.may_retry);
  OtlpOptions without = options;
  without.certificate_file = "";
  EXPECT_FALSE(Send(without).status.ok());
  EXPECT_FALSE(Send(To(collector.Url("http"))).status.ok());
  EXPECT_EQ(collector.requests().size(), 1U);

  options.client_key_file = of_server.key_file();
  EXPECT_FALSE(MakeOtlpHttpTransport(options, *ResolveOtlpEndpoint(options), &clock_).ok());
}

TEST_F(HttpTransportTest, NobodyThere) {
  SilentServer closed;  // does not listen
  const SendResult result = Send(To(closed.Url()));
  EXPECT_FALSE(result.status.ok());
  EXPECT_TRUE(result.may_retry);
  const SendResult unknown = Send(To("http://no-such-host.invalid"));
  EXPECT_FALSE(unknown.status.ok());
  EXPECT_TRUE(unknown.may_retry);
}

TEST_F(HttpTransportTest, ANameIsResolved) {
  HttpCollector collector(std::make_unique<httplib::Server>());
  const std::string port = collector.Url().substr(collector.Url().rfind(':'));
  auto transport = Make(To("http://localhost" + port));
  EXPECT_TRUE(transport->Send("a", clock_.Now() + kTestLimit).status.ok());
  EXPECT_TRUE(transport->Send("b", clock_.Now() + kTestLimit).status.ok());
  EXPECT_EQ(collector.requests().size(), 2U);
  EXPECT_EQ(collector.requests()[0].get_header_value("Host"), "localhost" + port);
}

TEST_F(HttpTransportTest, ADeadlineHolds) {
  SilentServer silent;
  silent.Listen();
  auto transport = Make(To(silent.Url()));
  for (int i = 0; i < 2; ++i) {
    const MonotonicTime begin = clock_.Now();
    EXPECT_FALSE(transport->Send("a", begin + milliseconds(20)).status.ok());
    EXPECT_LT(clock_.Now() - begin, kTestLimit);
  }
}

TEST_F(HttpTransportTest, ADeadlineHoldsForACollectorThatNeverEnds) {
  SilentServer server;
  server.Listen();
  std::thread trickles([&] { server.Trickle(); });
  auto transport = Make(To(server.Url()));
  const MonotonicTime begin = clock_.Now();
  EXPECT_FALSE(transport->Send("a", begin + milliseconds(50)).status.ok());
  EXPECT_LT(clock_.Now() - begin, kTestLimit / 2);
  trickles.join();
}

TEST_F(HttpTransportTest, CancelEndsASend) {
  SilentServer silent;
  silent.Listen();
  for (int i = 0; i < 20; ++i) {
    auto transport = Make(To(silent.Url()));
    std::thread ends([&] { transport->Cancel(); });
    const MonotonicTime begin = clock_.Now();
    EXPECT_FALSE(transport->Send("a", begin + 10 * kTestLimit).status.ok());
    EXPECT_LT(clock_.Now() - begin, kTestLimit);
    ends.join();
    EXPECT_FALSE(transport->Send("a", begin + 10 * kTestLimit).status.ok());
  }
}

class HttpTracerTest : public HttpTransportTest {
 protected:
  std::unique_ptr<Tracer> MakeTracer(const std::string& url) {
    TracerOptions options;
    options.exporter = TraceExporter::kOtlp;
    options.otlp.endpoint = url;
    options.otlp.headers = {{"api-key", "s3cr3t"}};
    options.service_name = "me";
    return *Tracer::Make(options, {&clock_, &random_, &logger_});
  }

  SystemRandom random_;
  testing::RecordingLogger logger_;
};

TEST_F(HttpTracerTest, SpansArrive) {
  HttpCollector collector(std::make_unique<httplib::Server>());
  auto tracer = MakeTracer(collector.Url());
  {
    Span root = tracer->Start({.name = "root", .kind = SpanKind::kServer});
    Span child = tracer->Start({.name = "child", .parent = &root.context()});
  }
  tracer->Shutdown(kTestLimit);
  ASSERT_EQ(collector.requests().size(), 1U);
  EXPECT_EQ(collector.requests()[0].path, "/v1/traces");
  wire::ExportTraceRequest request;
  ASSERT_TRUE(request.ParseFromString(collector.requests()[0].body));
  const auto& scope = request.resource_spans(0).scope_spans(0);
  ASSERT_EQ(scope.spans_size(), 2);
  EXPECT_EQ(scope.spans(0).parent_span_id(), scope.spans(1).span_id());
  EXPECT_EQ(scope.spans(0).trace_id(), scope.spans(1).trace_id());
  EXPECT_EQ(tracer->statistics().exported, 2);
}

// Whether nobody listens, nobody answers, or the name is unknown: calls do not notice.
TEST_F(HttpTracerTest, AnUnreachableCollectorCostsNoCallAnything) {
  SilentServer closed;
  SilentServer silent;
  silent.Listen();
  for (const std::string& url : {closed.Url(), silent.Url(), std::string("http://no.invalid")}) {
    auto tracer = MakeTracer(url);
    const MonotonicTime begin = clock_.Now();
    for (int i = 0; i < 10'000; ++i) {
      Span span = tracer->Start({.name = "call"});
      span.SetAttribute("number", int64_t{i});
    }
    EXPECT_LT(clock_.Now() - begin, seconds(1));
    const TracerStatistics statistics = tracer->statistics();
    EXPECT_LE(statistics.queued, 2048);
    EXPECT_GE(statistics.dropped, 10'000 - 2048 - 10 * 512);
    const MonotonicTime end = clock_.Now();
    tracer->Shutdown(milliseconds(50));
    EXPECT_LT(clock_.Now() - end, kTestLimit);
    EXPECT_EQ(tracer->statistics().exported, 0);
    EXPECT_EQ(tracer->statistics().dropped + tracer->statistics().lost, 10'000);
  }
  EXPECT_FALSE(logger_.Contains("s3cr3t"));
}

}  // namespace
}  // namespace longbow::telemetry
