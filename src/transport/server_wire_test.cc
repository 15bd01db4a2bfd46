// Clients that are not Arrow's: bytes that are no messages, methods that do not exist, the health
// service.

#include <chrono>
#include <memory>
#include <random>
#include <string>

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "transport/echo_handler.h"
#include "transport/server.h"

namespace longbow::transport {
namespace {

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.Valid() || !bytes.DumpToSingleSlice(&slice).ok()) return "";
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

class WireTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    server_ = Server::Start(options, &handler_, nullptr).ValueOrDie();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->ports()[0]),
                                   grpc::InsecureChannelCredentials());
  }

  // Sends one message, reads all answers; the last one is left in `answer`.
  grpc::Status Ask(const std::string& path, const std::string& request,
                   std::string* answer = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    void* tag = nullptr;
    bool ok = false;
    const auto next = [&] { return queue.Next(&tag, &ok) && ok; };
    const auto stream = stub.PrepareCall(&context, path, &queue);
    stream->StartCall(nullptr);
    bool open = next();
    if (open) stream->Write(Bytes(request), nullptr);
    open = open && next();
    if (open) stream->WritesDone(nullptr);
    open = open && next();
    while (true) {
      grpc::ByteBuffer bytes;
      stream->Read(&bytes, nullptr);
      if (!next()) break;
      if (answer != nullptr) *answer = Text(bytes);
    }
    grpc::Status status;
    stream->Finish(&status, nullptr);
    next();
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    return status;
  }
  grpc::Status AskFlight(const std::string& method, const std::string& request) {
    return Ask("/arrow.flight.protocol.FlightService/" + method, request);
  }

  EchoHandler handler_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(WireTest, UnknownMethodsAreUnimplemented) {
  for (const char* path : {"/arrow.flight.protocol.FlightService/DoSomething", "/other/DoGet",
                           "/arrow.flight.protocol.FlightService/", "/x"}) {
    const grpc::Status status = Ask(path, "x");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << path;
    EXPECT_NE(status.error_details().find("\"code\":503"), std::string::npos);
  }
}

TEST_F(WireTest, WhatIsNoFlightDataIsABadArgument) {
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), std::string("\x0a\x7fzz"),
        std::string("\x13\x01"), std::string("\x12\xff\xff\xff\xff\x0f")}) {
    for (const char* method : {"DoPut", "DoExchange"}) {
      const grpc::Status status = AskFlight(method, bytes);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_NE(status.error_details().find("\"code\":1"), std::string::npos);
    }
  }
}

TEST_F(WireTest, RandomBytesBreakNothing) {
  std::minstd_rand random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(random() % 64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    for (const char* method : {"DoPut", "DoGet", "GetFlightInfo", "DoAction", "Handshake"}) {
      (void)AskFlight(method, bytes);
    }
  }
  EXPECT_TRUE(AskFlight("GetFlightInfo", "\x08\x02\x12\x01x").ok());
}

TEST_F(WireTest, EmptyMessagesAreMessages) {
  std::string answer = "x";
  EXPECT_TRUE(Ask("/arrow.flight.protocol.FlightService/Handshake", "", &answer).ok());
  EXPECT_EQ(answer, "");
  EXPECT_TRUE(AskFlight("DoPut", "").ok());
}

TEST_F(WireTest, TellsItsHealth) {
  const std::string serving("\x08\x01");
  const std::string not_serving("\x08\x02");
  const std::string flight_service(
      "\x0a\x23"
      "arrow.flight.protocol.FlightService");
  for (const std::string& service : {std::string(), flight_service}) {
    const auto check = [&] {
      std::string answer = "none";
      const grpc::Status status = Ask("/grpc.health.v1.Health/Check", service, &answer);
      EXPECT_TRUE(status.ok()) << status.error_message();
      return answer;
    };
    server_->SetServing(false);
    EXPECT_EQ(check(), not_serving);
    server_->SetServing(true);
    EXPECT_EQ(check(), serving);
  }
  EXPECT_EQ(Ask("/grpc.health.v1.Health/Check", "\x0a\x01x").error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(server_->open_calls(), 0);
}

/// A watch of a server's health, as a load balancer has it.
class HealthWatch {
 public:
  /// `request`: a `HealthCheckRequest`; `last`: nothing is sent behind it.
  HealthWatch(const std::shared_ptr<grpc::Channel>& channel, const std::string& request, bool last)
      : stub_(channel),
        stream_(stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_)) {
    stream_->StartCall(nullptr);
    EXPECT_TRUE(Next());
    grpc::WriteOptions options;
    if (last) options.set_last_message();
    stream_->Write(Bytes(request), options, nullptr);
    EXPECT_TRUE(Next());
  }
  ~HealthWatch() {
    queue_.Shutdown();
    while (queue_.Next(&tag_, &ok_)) {
    }
  }

  std::string Read() {
    grpc::ByteBuffer bytes;
    stream_->Read(&bytes, nullptr);
    EXPECT_TRUE(Next());
    return Text(bytes);
  }
  /// Without the cancel it would wait for somebody to read what has come.
  grpc::StatusCode Cancel() {
    context_.TryCancel();
    grpc::Status status;
    stream_->Finish(&status, nullptr);
    EXPECT_TRUE(queue_.Next(&tag_, &ok_));
    return status.error_code();
  }

 private:
  bool Next() { return queue_.Next(&tag_, &ok_) && ok_; }

  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  void* tag_ = nullptr;
  bool ok_ = false;
};

TEST_F(WireTest, WatchersAreToldOfChanges) {
  HealthWatch watch(channel_, "", /*last=*/true);
  for (const bool serving : {false, true, false}) {
    server_->SetServing(serving);
    EXPECT_EQ(watch.Read(), serving ? "\x08\x01" : "\x08\x02");
  }
  EXPECT_EQ(server_->open_calls(), 0) << "a watch is no call of the service";
  EXPECT_EQ(watch.Cancel(), grpc::StatusCode::CANCELLED);
}

TEST_F(WireTest, WatchingWhatDoesNotExistIsNoError) {
  HealthWatch watch(channel_, "\x0a\x01x", /*last=*/true);
  EXPECT_EQ(watch.Read(), "\x08\x03");
  watch.Cancel();
}

TEST_F(WireTest, WatchersOfTheHealthDoNotHoldAShutdown) {
  HealthWatch watch(channel_, "", /*last=*/false);
  watch.Read();
  const auto start = std::chrono::steady_clock::now();
  server_->Shutdown(std::chrono::seconds(120));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  watch.Cancel();
}

}  // namespace
}  // namespace longbow::transport
