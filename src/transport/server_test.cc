#include "transport/server.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "transport/echo_handler.h"
#include "transport/wire_error.h"

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;

// Takes the headers of answers.
class HeaderTap final : public flight::ClientMiddlewareFactory {
 public:
  void StartCall(const flight::CallInfo&, std::unique_ptr<flight::ClientMiddleware>* out) override {
    *out = std::make_unique<Tap>(this);
  }
  std::string Get(const std::string& name) const {
    auto it = headers_.find(name);
    return it == headers_.end() ? "(none)" : it->second;
  }

 private:
  class Tap final : public flight::ClientMiddleware {
   public:
    explicit Tap(HeaderTap* owner) : owner_(owner) {}
    void SendingHeaders(flight::AddCallHeaders*) override {}
    void ReceivedHeaders(const flight::CallHeaders& headers) override {
      for (const auto& [name, value] : headers) {
        owner_->headers_[std::string(name)] = std::string(value);
      }
    }
    void CallCompleted(const arrow::Status&) override {}

   private:
    HeaderTap* const owner_;
  };
  std::map<std::string, std::string> headers_;
};

std::string TemporarySocket() {
  return "/tmp/longbow-transport-" + std::to_string(getpid()) + ".sock";
}

// The parameter: whether over a Unix socket.
class ServerTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.addresses = {"127.0.0.1:0", "unix:" + TemporarySocket()};
    auto server = Server::Start(options, &handler_, nullptr);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto client_options = flight::FlightClientOptions::Defaults();
    client_options.middleware = {tap_};
    const auto location = GetParam() ? flight::Location::Parse("grpc+unix://" + TemporarySocket())
                                     : flight::Location::ForGrpcTcp("127.0.0.1", port());
    client_ = flight::FlightClient::Connect(*location, client_options).ValueOrDie();
  }
  void TearDown() override {
    ASSERT_TRUE(client_->Close().ok());
    server_->Shutdown(std::chrono::seconds(30));
    EXPECT_EQ(server_->open_calls(), 0);
  }

  int port() const { return server_->ports()[0]; }

  static flight::FlightDescriptor Command(const std::string& command) {
    return flight::FlightDescriptor::Command(command);
  }
  arrow::Status Ask(const std::string& command, const flight::FlightCallOptions& options = {}) {
    return client_->GetFlightInfo(options, Command(command)).status();
  }

  EchoHandler handler_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<HeaderTap> tap_ = std::make_shared<HeaderTap>();
  std::unique_ptr<flight::FlightClient> client_;
};
INSTANTIATE_TEST_SUITE_P(, ServerTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Unix" : "Tcp"; });

std::shared_ptr<arrow::RecordBatch> Batch(int64_t rows) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(i * i).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("a", arrow::int64())}), rows,
                                  {builder.Finish().ValueOrDie()});
}

TEST_P(ServerTest, AnswersUnaryMethods) {
  const auto info = client_->GetFlightInfo(Command("hello"));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ((*info)->descriptor().cmd, "hello");
  EXPECT_EQ((*info)->total_records(), 7);
  const auto poll = client_->PollFlightInfo(Command("hello"));
  ASSERT_TRUE(poll.ok()) << poll.status();
  EXPECT_EQ((*poll)->progress, 0.5);
  const auto schema = client_->GetSchema(Command("hello"));
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)->GetSchema(nullptr).ValueOrDie()->field(0)->name(), "a");
}

TEST_P(ServerTest, AnswersStreamingMethods) {
  auto flights = client_->ListFlights();
  ASSERT_TRUE(flights.ok()) << flights.status();
  int count = 0;
  while (auto info = (*flights)->Next().ValueOrDie()) ++count;
  EXPECT_EQ(count, 3);
  const auto actions = client_->ListActions();
  ASSERT_TRUE(actions.ok()) << actions.status();
  EXPECT_EQ(actions->at(0).type, "echo");
  auto results = client_->DoAction(flight::Action{"echo", arrow::Buffer::FromString("body")});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)->Next().ValueOrDie()->body->ToString(), "body");
  EXPECT_EQ((*results)->Next().ValueOrDie(), nullptr);
}

TEST_P(ServerTest, Gets) {
  auto stream = client_->DoGet(flight::Ticket{"x1000"});
  ASSERT_TRUE(stream.ok()) << stream.status();
  int messages = 0;
  while (true) {
    const auto chunk = (*stream)->Next();
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    if (chunk->data == nullptr) break;
    EXPECT_EQ(chunk->data->num_rows(), 8192);
    ++messages;
  }
  EXPECT_EQ(messages, 1000);
}

TEST_P(ServerTest, Puts) {
  const auto batch = Batch(1000);
  auto put = client_->DoPut(flight::FlightDescriptor::Path({"a"}), batch->schema());
  ASSERT_TRUE(put.ok()) << put.status();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put->writer->WriteRecordBatch(*batch).ok());
  ASSERT_TRUE(put->writer->DoneWriting().ok());
  std::shared_ptr<arrow::Buffer> result;
  for (int i = 0; i < 11; ++i) {
    ASSERT_TRUE(put->reader->ReadMetadata(&result).ok());
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->ToString(), i == 0 ? "0" : "8000");  // the schema is the first
  }
  ASSERT_TRUE(put->writer->Close().ok());
  EXPECT_EQ(handler_.events().Count("put end"), 1);
}

TEST_P(ServerTest, ExchangesLargeMessages) {
  const auto batch = Batch(8 << 20);  // 64 MiB
  auto exchange = client_->DoExchange(Command("x"));
  ASSERT_TRUE(exchange.ok()) << exchange.status();
  ASSERT_TRUE(exchange->writer->Begin(batch->schema()).ok());
  ASSERT_TRUE(exchange->writer->WriteWithMetadata(*batch, arrow::Buffer::FromString("m")).ok());
  ASSERT_TRUE(exchange->writer->DoneWriting().ok());
  flight::FlightStreamChunk chunk;
  while (chunk.data == nullptr) {  // the descriptor comes back too, as an empty message
    auto next = exchange->reader->Next();
    ASSERT_TRUE(next.ok()) << next.status();
    chunk = *std::move(next);
  }
  EXPECT_TRUE(chunk.data->Equals(*batch));
  EXPECT_EQ(chunk.app_metadata->ToString(), "m");
  EXPECT_TRUE(exchange->writer->Close().ok());
}

TEST_P(ServerTest, EachErrorArrivesWholeAndAsAFlightError) {
  for (const int code : {0,   1,   2,   3,   4,   5,   6,   7,   8,   100, 101, 102,
                         200, 201, 202, 203, 204, 205, 206, 500, 501, 502, 503, 1234}) {
    SCOPED_TRACE(code);
    const arrow::Status status = Ask("error " + std::to_string(code));
    const auto detail = flight::FlightStatusDetail::UnwrapStatus(status);
    ASSERT_NE(detail, nullptr) << status;
    EXPECT_EQ(status.message().substr(0, 11), "the message");
    const arrow::Status back = FromWire(detail->extra_info(), "");
    EXPECT_EQ(static_cast<int>(ErrorCodeOf(back)), code);
    EXPECT_EQ(back.message(), "the message");
    EXPECT_EQ(ErrorDetailOf(back)->detail(), "the detail");
    EXPECT_EQ(ErrorDetailOf(back)->body(), std::string("bo\0dy", 5));
  }
}

TEST_P(ServerTest, ErrorsComeAsTheFittingClass) {
  const auto kind = [&](ErrorCode code) {
    const arrow::Status status = Ask("error " + std::to_string(static_cast<int>(code)));
    return flight::FlightStatusDetail::UnwrapStatus(status)->code();
  };
  EXPECT_EQ(kind(ErrorCode::kUnauthenticated), flight::FlightStatusCode::Unauthenticated);
  EXPECT_EQ(kind(ErrorCode::kPermissionDenied), flight::FlightStatusCode::Unauthorized);
  EXPECT_EQ(kind(ErrorCode::kTimeout), flight::FlightStatusCode::TimedOut);
  EXPECT_EQ(kind(ErrorCode::kPoll), flight::FlightStatusCode::TimedOut);
  EXPECT_EQ(kind(ErrorCode::kCommandCancelled), flight::FlightStatusCode::Cancelled);
  EXPECT_EQ(kind(ErrorCode::kBackpressure), flight::FlightStatusCode::Unavailable);
  EXPECT_EQ(kind(ErrorCode::kNotReady), flight::FlightStatusCode::Unavailable);
  EXPECT_EQ(kind(ErrorCode::kInternalError), flight::FlightStatusCode::Internal);
  EXPECT_EQ(kind(ErrorCode::kCommandFailed), flight::FlightStatusCode::Failed);
}

TEST_P(ServerTest, ErrorsOfStreamsArriveToo) {
  const arrow::Status status = client_->DoGet(flight::Ticket{"error 201"}).status();
  const auto detail = flight::FlightStatusDetail::UnwrapStatus(status);
  ASSERT_NE(detail, nullptr) << status;
  EXPECT_EQ(ErrorCodeOf(FromWire(detail->extra_info(), "")), ErrorCode::kNotFound);
}

TEST_P(ServerTest, HeadersGoBothWays) {
  flight::FlightCallOptions options;
  options.headers = {{"x-test-a", "one"}, {"x-test-b-bin", std::string("\0\xff\n", 3)}};
  ASSERT_TRUE(Ask("headers", options).ok());
  EXPECT_EQ(tap_->Get("x-back-a"), "one");
  EXPECT_EQ(tap_->Get("x-back-b-bin"), std::string("\0\xff\n", 3));
  EXPECT_EQ(tap_->Get("x-bad-value"), "(none)");
}

TEST_P(ServerTest, AHandlerThatThrowsEndsItsCallOnly) {
  flight::FlightCallOptions options;
  options.headers = {{"x-throw-at-once", "yes"}};
  for (int i = 0; i < 20; ++i) {
    const auto detail = flight::FlightStatusDetail::UnwrapStatus(Ask("hello", options));
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->code(), flight::FlightStatusCode::Internal);
  }
  EXPECT_TRUE(Ask("hello").ok());
}

TEST_P(ServerTest, RequestIdsAreKeptOrMadeUp) {
  flight::FlightCallOptions options;
  options.headers = {{"x-longbow-request-id", "my id-1"}};
  ASSERT_TRUE(Ask("hello", options).ok());
  EXPECT_EQ(tap_->Get("x-longbow-request-id"), "my id-1");
  ASSERT_FALSE(Ask("error 1", options).ok());
  EXPECT_EQ(tap_->Get("x-longbow-request-id"), "my id-1");
  ASSERT_TRUE(Ask("hello").ok());
  const std::string first = tap_->Get("x-longbow-request-id");
  EXPECT_EQ(first.size(), 32u);
  options.headers = {{"x-longbow-request-id", std::string(129, 'x')}};
  ASSERT_TRUE(Ask("hello", options).ok());
  EXPECT_EQ(tap_->Get("x-longbow-request-id").size(), 32u);
  EXPECT_NE(tap_->Get("x-longbow-request-id"), first);
}

TEST_P(ServerTest, ACallThatIsGivenUpFails) {
  for (const char* command : {"drop", "throw"}) {
    const arrow::Status status = Ask(command);
    const auto detail = flight::FlightStatusDetail::UnwrapStatus(status);
    ASSERT_NE(detail, nullptr) << status;
    EXPECT_EQ(ErrorCodeOf(FromWire(detail->extra_info(), "")), ErrorCode::kInternalError);
    EXPECT_EQ(status.ToString().find("on purpose"), std::string::npos);
  }
}

TEST_P(ServerTest, KnowsDeadlines) {
  EXPECT_EQ(Ask("deadline").message().substr(0, 4), "none");
  flight::FlightCallOptions options;
  options.timeout = flight::TimeoutDuration{30};
  EXPECT_EQ(Ask("deadline", options).message().substr(0, 4), "some");
}

TEST_P(ServerTest, ADeadlineCancelsTheCall) {
  flight::FlightCallOptions options;
  options.timeout = flight::TimeoutDuration{0.3};
  const arrow::Status status = Ask("hang", options);
  EXPECT_EQ(flight::FlightStatusDetail::UnwrapStatus(status)->code(),
            flight::FlightStatusCode::TimedOut);
  if (handler_.events().Count("hanging") == 0) return;  // a slow machine: it never arrived
  EXPECT_TRUE(handler_.events().WaitFor("cancelled"));
  EXPECT_TRUE(handler_.TakeHeld()->cancelled());
}

TEST_P(ServerTest, AfterShutdownNothingIsServed) {
  server_->Shutdown(std::chrono::milliseconds(0));
  server_->Shutdown(std::chrono::milliseconds(0));
  EXPECT_FALSE(Ask("hello").ok());
}

}  // namespace
}  // namespace longbow::transport
