// Encrypted connections, with and without a certificate of the client's.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>

#include <arrow/flight/api.h>
#include <gtest/gtest.h>

#include "transport/echo_handler.h"
#include "transport/server.h"

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;

struct Identity {
  std::string certificate_pem;
  std::string private_key_pem;
};

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);  // NOLINT(google-runtime-int): OpenSSL's
  std::string text(data, size);
  BIO_free(bio);
  return text;
}

// A certificate for `localhost` that signs itself, good for an hour.
Identity MakeIdentity() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_EXTENSION* authority =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "CA:TRUE");
  X509_add_ext(certificate, authority, -1);
  X509_EXTENSION_free(authority);
  X509_sign(certificate, key, EVP_sha256());
  Identity identity;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  identity.certificate_pem = TextOf(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  identity.private_key_pem = TextOf(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

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

  const Identity server_identity_ = MakeIdentity();
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
  const Identity one = MakeIdentity();
  const auto problem = [&](TlsOptions tls) {
    options.tls = std::move(tls);
    return Server::Start(options, &handler_, nullptr).status().message();
  };
  EXPECT_EQ(problem({one.certificate_pem, MakeIdentity().private_key_pem, ""}),
            "TLS cannot be used: the private key is not that of the certificate");
  EXPECT_NE(problem({one.certificate_pem, one.certificate_pem, ""}).find("the private key is no"),
            std::string::npos);
  EXPECT_NE(problem({one.certificate_pem, one.private_key_pem, "no pem"}).find("root certificate"),
            std::string::npos);
}

TEST_F(TlsTest, AsksClientsForTheirCertificate) {
  const Identity client = MakeIdentity();
  Start(client.certificate_pem);
  auto options = Trusting();
  EXPECT_FALSE(Ask(options).ok());
  options.cert_chain = client.certificate_pem;
  options.private_key = client.private_key_pem;
  const arrow::Status status = Ask(options);
  EXPECT_TRUE(status.ok()) << status;
  const Identity stranger = MakeIdentity();
  options.cert_chain = stranger.certificate_pem;
  options.private_key = stranger.private_key_pem;
  EXPECT_FALSE(Ask(options).ok());
}

}  // namespace
}  // namespace longbow::transport
