// Connections: how many there may be, and through which of a machine's addresses they come.

#include "transport/acceptor.h"

#include <chrono>
#include <memory>
#include <string>

#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

#include "transport/echo_handler.h"
#include "transport/server.h"

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;

/// A client with a connection of its own: others of this process share one.
std::unique_ptr<flight::FlightClient> Connect(const std::string& uri) {
  flight::FlightClientOptions options;
  options.generic_options.emplace_back("grpc.use_local_subchannel_pool", 1);
  return flight::FlightClient::Connect(flight::Location::Parse(uri).ValueOrDie(), options)
      .ValueOrDie();
}

arrow::Status Ask(flight::FlightClient* client) {
  flight::FlightCallOptions options;
  options.timeout = flight::TimeoutDuration{30};
  return client->GetFlightInfo(options, flight::FlightDescriptor::Command("hello")).status();
}

std::string LocalUri(const Server& server) {
  return "grpc://127.0.0.1:" + std::to_string(server.ports()[0]);
}

TEST(AcceptorTest, ConnectionsBeyondTheLimitAreRefused) {
  EchoHandler handler;
  longbow::testing::RecordingLogger logger;
  ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  options.max_connections = 2;
  const auto server = Server::Start(options, &handler, &logger).ValueOrDie();
  const auto first = Connect(LocalUri(*server));
  auto second = Connect(LocalUri(*server));
  EXPECT_TRUE(Ask(first.get()).ok());
  EXPECT_TRUE(Ask(second.get()).ok());
  const arrow::Status refused = Ask(Connect(LocalUri(*server)).get());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(flight::FlightStatusDetail::UnwrapStatus(refused)->code(),
            flight::FlightStatusCode::Unavailable);
  EXPECT_TRUE(logger.Contains("connections are refused"));
  EXPECT_TRUE(Ask(first.get()).ok());

  // One that goes makes room for another.
  second.reset();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  arrow::Status answered;
  do {
    answered = Ask(Connect(LocalUri(*server)).get());
  } while (!answered.ok() && std::chrono::steady_clock::now() < limit);
  EXPECT_TRUE(answered.ok()) << answered;
}

TEST(AcceptorTest, AllOfTheMachineIsReachedByItsAddresses) {
  EchoHandler handler;
  for (const char* address : {"0.0.0.0:0", "[::]:0", ":0", "localhost:0"}) {
    ServerOptions options;
    options.addresses = {address};
    const auto server = Server::Start(options, &handler, nullptr);
    ASSERT_TRUE(server.ok()) << address << ": " << server.status();
    EXPECT_TRUE(Ask(Connect(LocalUri(**server)).get()).ok()) << address;
  }
}

TEST(AcceptorTest, SeveralAddressesAreServed) {
  EchoHandler handler;
  ServerOptions options;
  options.addresses = {"127.0.0.1:0", "127.0.0.1:0"};
  const auto server = Server::Start(options, &handler, nullptr).ValueOrDie();
  ASSERT_EQ(server->ports().size(), 2u);
  EXPECT_NE(server->ports()[0], server->ports()[1]);
  for (const int port : server->ports()) {
    EXPECT_TRUE(Ask(Connect("grpc://127.0.0.1:" + std::to_string(port)).get()).ok());
  }
}

}  // namespace
}  // namespace longbow::transport
