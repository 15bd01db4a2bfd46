// Encrypted connections, with and without a certificate of the client's.

#include <memory>
#include <string>
#include <utility>

#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include "transport/echo_handler.h"
#include "transport/server.h"
#include "transport/tls_test_client.h"
#include "transport/tls_test_identity.h"

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;

class TlsTest : public testing::Test {
 protected:
  void Start(const std::string& client_root_pem) {
    ServerOptions options;
    options.addresses = {"localhost:0"};
    options.tls = TlsOptions{server_identity_.certificate_pem, server_identity_.private_key_pem,
                             client_root_pem};
    auto server = Server::Start(options, &handler_, nullptr);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  arrow::Status Ask(const flight::FlightClientOptions& options, bool encrypted = true) {
    const int port = server_->ports()[0];
    const auto location = encrypted ? flight::Location::ForGrpcTls("localhost", port)
                                    : flight::Location::ForGrpcTcp("localhost", port);
    ARROW_ASSIGN_OR_RAISE(const auto client, flight::FlightClient::Connect(*location, options));
    return client->GetFlightInfo(flight::FlightDescriptor::Command("hello")).status();
  }
  flight::FlightClientOptions Trusting() const {
    auto options = flight::FlightClientOptions::Defaults();
    options.tls_root_certs = server_identity_.certificate_pem;
    return options;
  }

  const TestIdentity server_identity_ = MakeTestIdentity();
  EchoHandler handler_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, Encrypts) {
  Start("");
  const arrow::Status status = Ask(Trusting());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_FALSE(Ask(flight::FlightClientOptions::Defaults()).ok());
  EXPECT_FALSE(Ask(flight::FlightClientOptions::Defaults(), /*encrypted=*/false).ok());
}

TEST_F(TlsTest, WhatDoesNotBelongTogetherIsAnError) {
  ServerOptions options;
  options.addresses = {"127.0.0.1:0"};
  const TestIdentity one = MakeTestIdentity();
  const auto problem = [&](TlsOptions tls) {
    options.tls = std::move(tls);
    return Server::Start(options, &handler_, nullptr).status().message();
  };
  EXPECT_EQ(problem({one.certificate_pem, MakeTestIdentity().private_key_pem, ""}),
            "TLS cannot be used: the private key is not that of the certificate");
  EXPECT_NE(problem({one.certificate_pem, one.certificate_pem, ""}).find("the private key is no"),
            std::string::npos);
  EXPECT_NE(problem({one.certificate_pem, one.private_key_pem, "no pem"}).find("root certificate"),
            std::string::npos);
}

TEST_F(TlsTest, AsksClientsForTheirCertificate) {
  const TestIdentity client = MakeTestIdentity();
  Start(client.certificate_pem);
  auto options = Trusting();
  EXPECT_FALSE(Ask(options).ok());
  options.cert_chain = client.certificate_pem;
  options.private_key = client.private_key_pem;
  const arrow::Status status = Ask(options);
  EXPECT_TRUE(status.ok()) << status;
  const TestIdentity stranger = MakeTestIdentity();
  options.cert_chain = stranger.certificate_pem;
  options.private_key = stranger.private_key_pem;
  EXPECT_FALSE(Ask(options).ok());
}

TEST_F(TlsTest, TakesOverANewIdentityWhileAStreamIsOpen) {
  Start("");
  const auto location = flight::Location::ForGrpcTls("localhost", server_->ports()[0]);
  const auto client = flight::FlightClient::Connect(*location, Trusting()).ValueOrDie();
  const auto stream = client->DoGet({"forever"}).ValueOrDie();
  ASSERT_TRUE(stream->Next().ok());
  const TestIdentity next = MakeTestIdentity();
  const arrow::Status status =
      server_->ReplaceTls({next.certificate_pem, next.private_key_pem, ""});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ShakeHands({.port = server_->ports()[0]}).certificate_pem, next.certificate_pem);
  EXPECT_FALSE(Ask(Trusting()).ok());
  auto trusting_next = flight::FlightClientOptions::Defaults();
  trusting_next.tls_root_certs = next.certificate_pem;
  EXPECT_TRUE(Ask(trusting_next).ok());
  // More than was under way.
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(stream->Next().ok()) << i;
  stream->Cancel();
  EXPECT_FALSE(server_->ReplaceTls({"", "", ""}).ok());
  EXPECT_EQ(ShakeHands({.port = server_->ports()[0]}).certificate_pem, next.certificate_pem);
}

}  // namespace
}  // namespace longbow::transport
