// Calls that end well before their client has sent all.

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <arrow/api.h>
#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "transport/echo_handler.h"
#include "transport/server.h"

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;
using std::chrono::milliseconds;

/// Answers the first message of an exchange with "the answer", and ends: in one go for the command
/// "at once". Nobody may still wait for a message then; of one who does, it logs how that went.
class EarlyHandler final : public CallHandler {
 public:
  void Serve(std::shared_ptr<Call> call) override {
    call->ReadData([this, call](ReadOutcome, arrow::Result<FlightDataMessage> message) {
      const auto text = arrow::Buffer::FromString("the answer");
      Frame frame = Frame::FlightData(nullptr, text);
      call->ReadData([this](ReadOutcome outcome, const arrow::Result<FlightDataMessage>&) {
        events.Add(outcome == ReadOutcome::kBroken ? "broken" : "message");
      });
      if (message->descriptor->find("at once") != std::string::npos) {
        return call->WriteAndFinish(std::move(frame));
      }
      call->Write(std::move(frame), WriteHint::kFlush,
                  [call](bool) { call->Finish(arrow::Status::OK()); });
    });
  }
  EventLog events;
};

class EarlyEndTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    server_ = Server::Start(options, &handler_, nullptr).ValueOrDie();
    client_ = flight::FlightClient::Connect(
                  *flight::Location::ForGrpcTcp("127.0.0.1", server_->ports()[0]))
                  .ValueOrDie();
  }
  void TearDown() override { server_->Shutdown(milliseconds(0)); }

  flight::FlightClient::DoExchangeResult Exchange() {
    auto exchange = client_->DoExchange(flight::FlightDescriptor::Command(GetParam())).ValueOrDie();
    EXPECT_TRUE(exchange.writer->WriteMetadata(arrow::Buffer::FromString("first")).ok());
    return exchange;
  }

  static void ExpectAnswerAndEnd(flight::FlightStreamReader* reader) {
    const auto chunk = reader->Next();
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    ASSERT_NE(chunk->app_metadata, nullptr);
    EXPECT_EQ(chunk->app_metadata->ToString(), "the answer");
    const auto end = reader->Next();
    ASSERT_TRUE(end.ok()) << end.status();
    EXPECT_EQ(end->app_metadata, nullptr);
  }

  EarlyHandler handler_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<flight::FlightClient> client_;
};

TEST_P(EarlyEndTest, AClientThatSendsAllBeforeItReadsGetsTheAnswer) {
  constexpr int kTimes = 40;
  const auto more = arrow::Buffer::FromString(std::string(16 << 10, 'x'));
  for (int i = 0; i < kTimes; ++i) {
    auto exchange = Exchange();
    for (int k = 0; k < 100; ++k) ASSERT_TRUE(exchange.writer->WriteMetadata(more).ok());
    ASSERT_TRUE(exchange.writer->DoneWriting().ok());
    ExpectAnswerAndEnd(exchange.reader.get());
    EXPECT_TRUE(exchange.writer->Close().ok());
  }
  EXPECT_TRUE(handler_.events.WaitFor("broken"));
}

TEST_P(EarlyEndTest, AClientThatReadsToTheEndBeforeItEndsGetsThere) {
  auto exchange = Exchange();
  ExpectAnswerAndEnd(exchange.reader.get());
  EXPECT_TRUE(exchange.writer->Close().ok());
}

TEST_P(EarlyEndTest, AClientThatGoesEndsItsCall) {
  auto exchange = Exchange();
  EXPECT_NE(exchange.reader->Next()->app_metadata, nullptr);
  exchange.reader->Cancel();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (server_->open_calls() > 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_->open_calls(), 0);
}

TEST_P(EarlyEndTest, AShutdownDoesNotWaitForTheClient) {
  auto exchange = Exchange();
  EXPECT_NE(exchange.reader->Next()->app_metadata, nullptr);
  server_->Shutdown(milliseconds(0));
  EXPECT_EQ(server_->open_calls(), 0);
}

INSTANTIATE_TEST_SUITE_P(Ends, EarlyEndTest, testing::Values("at once", "after the answer"),
                         [](const auto& info) {
                           return info.param == "at once" ? "AtOnce" : "AfterTheAnswer";
                         });

}  // namespace
}  // namespace longbow::transport
