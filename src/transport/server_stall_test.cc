// What happens when clients stop, go, or never come back.

#include <dirent.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "transport/echo_handler.h"
#include "transport/server.h"

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;
using std::chrono::milliseconds;

int ThreadsOfThisProcess() {
  int threads = 0;
  DIR* folder = opendir("/proc/self/task");
  while (const dirent* entry = readdir(folder)) threads += entry->d_name[0] == '.' ? 0 : 1;
  closedir(folder);
  return threads;
}

class StallTest : public testing::Test {
 protected:
  using Stream = std::unique_ptr<flight::FlightStreamReader>;

  void SetUp() override {
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    server_ = Server::Start(options, &handler_, nullptr).ValueOrDie();
  }
  void TearDown() override { server_->Shutdown(milliseconds(0)); }

  std::unique_ptr<flight::FlightClient> Connect() {
    return flight::FlightClient::Connect(
               *flight::Location::ForGrpcTcp("127.0.0.1", server_->ports()[0]))
        .ValueOrDie();
  }
  // A stream of which one message is read, and then no more.
  Stream StalledReader(flight::FlightClient* client) {
    auto stream = client->DoGet(flight::Ticket{"forever"});
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_NE((*stream)->Next().ValueOrDie().data, nullptr);
    return *std::move(stream);
  }
  bool WaitForOpenCalls(int64_t count) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (server_->open_calls() != count) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::chrono::duration<double> TimeShutdown() {
    const auto start = std::chrono::steady_clock::now();
    server_->Shutdown(milliseconds(0));
    return std::chrono::steady_clock::now() - start;
  }

  EchoHandler handler_;
  std::unique_ptr<Server> server_;
};

// A stream whose client never reads. gRPC's own client, because windows can be kept small with it:
// what Arrow's takes in unread grows to tens of megabytes for each stream.
class DeafReader {
 public:
  DeafReader(const std::shared_ptr<grpc::Channel>& channel, grpc::CompletionQueue* queue) {
    grpc::GenericStub stub(channel);
    stream_ = stub.PrepareCall(&context_, "/arrow.flight.protocol.FlightService/DoGet", queue);
    stream_->StartCall(nullptr);
    Next(queue);
    const grpc::Slice ticket(flight::Ticket{"forever"}.SerializeToString().ValueOrDie());
    stream_->WriteLast(grpc::ByteBuffer(&ticket, 1), grpc::WriteOptions(), nullptr);
    Next(queue);
  }
  void Finish(grpc::CompletionQueue* queue) {
    context_.TryCancel();  // else it would wait for somebody to read what has come
    stream_->Finish(&status_, nullptr);
    Next(queue);
    EXPECT_FALSE(status_.ok());
  }

 private:
  static void Next(grpc::CompletionQueue* queue) {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue->Next(&tag, &ok));
  }
  grpc::ClientContext context_;
  grpc::Status status_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

TEST_F(StallTest, ManyStalledReadersHoldNoThreadsAndNoShutdown) {
  constexpr int kConnections = 10;
  constexpr int kStreams = 30;
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<DeafReader>> readers;
  for (int i = 0; i < kConnections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    const auto channel =
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->ports()[0]),
                                  grpc::InsecureChannelCredentials(), arguments);
    for (int k = 0; k < kStreams; ++k) {
      readers.push_back(std::make_unique<DeafReader>(channel, &queue));
    }
  }
  EXPECT_TRUE(WaitForOpenCalls(kConnections * kStreams));
  EXPECT_LT(ThreadsOfThisProcess(), 100);  // the client's own among them
  // Others are served meanwhile.
  EXPECT_TRUE(Connect()->GetFlightInfo(flight::FlightDescriptor::Command("hello")).ok());
  EXPECT_LT(TimeShutdown().count(), 5.0);
  EXPECT_EQ(server_->open_calls(), 0);
  for (const auto& reader : readers) reader->Finish(&queue);
}

TEST_F(StallTest, StalledWritersDoNotHoldAShutdown) {
  const auto client = Connect();
  const auto schema = arrow::schema({arrow::field("a", arrow::int64())});
  std::vector<flight::FlightClient::DoPutResult> puts;
  for (int i = 0; i < 50; ++i) {
    puts.push_back(client->DoPut(flight::FlightDescriptor::Path({"a"}), schema).ValueOrDie());
  }
  EXPECT_TRUE(handler_.events().WaitFor("put message", 50));
  EXPECT_LT(TimeShutdown().count(), 5.0);
  EXPECT_TRUE(handler_.events().WaitFor("put broken", 50));
  EXPECT_EQ(handler_.events().Count("put end"), 0);
}

TEST_F(StallTest, HandlersThatNeverAnswerDoNotHoldAShutdown) {
  const auto client = Connect();
  std::thread asker(
      [&] { EXPECT_FALSE(client->GetFlightInfo(flight::FlightDescriptor::Command("hang")).ok()); });
  EXPECT_TRUE(handler_.events().WaitFor("hanging"));
  const std::shared_ptr<Call> held = handler_.TakeHeld();
  EXPECT_LT(TimeShutdown().count(), 5.0);
  asker.join();
  EXPECT_TRUE(held->cancelled());
  EXPECT_EQ(handler_.events().Count("cancelled"), 1);
  // The call outlives its server: all of it fails, nothing breaks.
  EventLog events;
  held->ReadBytes([&](ReadOutcome outcome, std::string) {
    events.Add(outcome == ReadOutcome::kBroken ? "broken" : "?");
  });
  held->Write(Frame::FromString("x"), WriteHint::kFlush,
              [&](bool ok) { events.Add(ok ? "?" : "refused"); });
  held->SetCancelCallback([&] { events.Add("cancelled"); });
  EXPECT_TRUE(events.WaitFor("broken"));
  EXPECT_TRUE(events.WaitFor("refused"));
  EXPECT_TRUE(events.WaitFor("cancelled"));
  held->AddResponseHeader("x", "y");
  held->WriteAndFinish(Frame::FromString("x"));
  held->Finish(arrow::Status::OK());
}

TEST_F(StallTest, OpenCallsMayEndWithinTheGrace) {
  const auto client = Connect();
  arrow::Status answer;
  std::thread asker(
      [&] { answer = client->GetFlightInfo(flight::FlightDescriptor::Command("hang")).status(); });
  EXPECT_TRUE(handler_.events().WaitFor("hanging"));
  std::thread stopper([&] { server_->Shutdown(std::chrono::seconds(60)); });
  handler_.TakeHeld()->Finish(MakeError(ErrorCode::kNotFound, "answered at last"));
  asker.join();
  stopper.join();
  EXPECT_EQ(answer.message().substr(0, 16), "answered at last");
  EXPECT_EQ(handler_.events().Count("cancelled"), 0);
}

TEST_F(StallTest, NewCallsAreRefusedWithinTheGrace) {
  const auto client = Connect();
  const auto other = Connect();
  EXPECT_TRUE(other->GetFlightInfo(flight::FlightDescriptor::Command("hello")).ok());
  std::thread asker(
      [&] { (void)client->GetFlightInfo(flight::FlightDescriptor::Command("hang")); });
  EXPECT_TRUE(handler_.events().WaitFor("hanging"));
  std::thread stopper([&] { server_->Shutdown(std::chrono::seconds(60)); });
  arrow::Status refused;
  do {
    refused = other->GetFlightInfo(flight::FlightDescriptor::Command("hello")).status();
  } while (refused.ok());
  const auto detail = flight::FlightStatusDetail::UnwrapStatus(refused);
  EXPECT_EQ(detail->code(), flight::FlightStatusCode::Unavailable);
  EXPECT_NE(detail->extra_info().find("502") == std::string::npos
                ? detail->extra_info().find(std::to_string(WireNumber(ErrorCode::kShuttingDown)))
                : 0,
            std::string::npos);
  handler_.TakeHeld()->Finish(arrow::Status::OK());
  asker.join();
  stopper.join();
}

TEST_F(StallTest, AReaderThatCancelsEndsItsCall) {
  const auto client = Connect();
  const auto stream = StalledReader(client.get());
  stream->Cancel();
  EXPECT_TRUE(handler_.events().WaitFor("write broken"));
  EXPECT_TRUE(WaitForOpenCalls(0));
}

TEST_F(StallTest, AWaitingCallThatIsCancelledEnds) {
  const auto client = Connect();
  arrow::StopSource stop;
  flight::FlightCallOptions options;
  options.stop_token = stop.token();
  options.timeout = flight::TimeoutDuration{1};
  std::thread asker([&] {
    EXPECT_FALSE(client->GetFlightInfo(options, flight::FlightDescriptor::Command("hang")).ok());
  });
  asker.join();
  if (handler_.events().Count("hanging") == 1) {
    EXPECT_TRUE(handler_.events().WaitFor("cancelled"));
  }
  EXPECT_TRUE(WaitForOpenCalls(0));
}

// Ends each call with an error while a message is stuck on its way to the client.
class FailingHandler final : public CallHandler {
 public:
  void Serve(std::shared_ptr<Call> call) override {
    call->ReadBytes([this, call](ReadOutcome, std::string) {
      // More than any window takes.
      call->Write(Frame::FromString(std::string(64 << 20, 'x')), WriteHint::kFlush,
                  [this](bool ok) { events.Add(ok ? "written" : "write broken"); });
      call->Finish(MakeError(ErrorCode::kCommandFailed, "gone wrong"));
      call->Finish(arrow::Status::OK());  // the first one counts
      call->Write(Frame::FromString("x"), WriteHint::kFlush,
                  [this](bool ok) { events.Add(ok ? "?" : "refused"); });
    });
  }
  EventLog events;
};

TEST_F(StallTest, AFailureEndsACallWhoseClientTakesNothing) {
  FailingHandler handler;
  ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  const auto server = Server::Start(options, &handler, nullptr).ValueOrDie();
  const auto client =
      flight::FlightClient::Connect(*flight::Location::ForGrpcTcp("127.0.0.1", server->ports()[0]))
          .ValueOrDie();
  // DoExchange: the client reads only when told to, even at the beginning.
  auto exchange = client->DoExchange(flight::FlightDescriptor::Command("x")).ValueOrDie();
  EXPECT_TRUE(handler.events.WaitFor("refused"));
  EXPECT_TRUE(handler.events.WaitFor("write broken"));
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (server->open_calls() > 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server->open_calls(), 0);
  EXPECT_FALSE(exchange.writer->Close().ok());
}

}  // namespace
}  // namespace longbow::transport
