// What is found wrong with an identity before gRPC gets it.

#include "transport/tls_check.h"

#include <chrono>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <longbow/error.h>

#include "transport/tls_test_identity.h"

namespace longbow::transport {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class TlsCheckTest : public ::testing::Test {
 protected:
  /// Empty where nothing is wrong.
  std::string Problem(const TlsOptions& tls) const {
    const arrow::Status status = CheckTls(tls, now_);
    if (status.ok()) return {};
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << status;
    EXPECT_THAT(status.message(),
                AllOf(StartsWith("TLS cannot be used: "), Not(HasSubstr("BEGIN"))));
    return status.message();
  }
  std::string Problem(const TestIdentity& identity, const std::string& roots = {}) const {
    return Problem({identity.certificate_pem, identity.private_key_pem, roots});
  }
  std::string ChainProblem(const std::string& chain) const {
    return Problem({chain, server_.private_key_pem, ""});
  }

  const WallTime now_ = std::chrono::system_clock::now();
  const TestIdentity root_ = MakeTestIdentity({.common_name = "Root"});
  const TestIdentity issuer_ = MakeTestIdentity({.common_name = "Issuer"}, &root_);
  const TestIdentity server_ = MakeTestIdentity({.is_authority = false}, &issuer_);
};

TEST_F(TlsCheckTest, AChainInItsOrderIsGood) {
  EXPECT_EQ(ChainProblem(server_.certificate_pem), "");
  EXPECT_EQ(ChainProblem(server_.certificate_pem + issuer_.certificate_pem), "");
  EXPECT_EQ(ChainProblem("Subject: me\n" + server_.certificate_pem + issuer_.certificate_pem +
                         root_.certificate_pem),
            "");
}

TEST_F(TlsCheckTest, AnotherOrderIsNot) {
  EXPECT_THAT(ChainProblem(issuer_.certificate_pem + server_.certificate_pem),
              HasSubstr("the private key is that of certificate 2 of the chain"));
  EXPECT_THAT(ChainProblem(server_.certificate_pem + root_.certificate_pem),
              HasSubstr("certificate 2 of the chain did not sign the one before it"));
  EXPECT_THAT(
      ChainProblem(server_.certificate_pem + issuer_.certificate_pem + issuer_.certificate_pem),
      HasSubstr("certificate 3 of the chain did not sign the one before it"));
  // The name alone is not enough.
  const TestIdentity namesake = MakeTestIdentity({.common_name = "Issuer"}, &root_);
  EXPECT_THAT(ChainProblem(server_.certificate_pem + namesake.certificate_pem),
              HasSubstr("did not sign"));
}

TEST_F(TlsCheckTest, DamagedOrEndlessTextsAreNot) {
  std::string damaged = issuer_.certificate_pem;
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(ChainProblem(server_.certificate_pem + damaged),
              HasSubstr("the certificate is damaged: its certificate 2 cannot be read"));
  EXPECT_THAT(ChainProblem(""), HasSubstr("the certificate is no PEM text"));
  EXPECT_THAT(ChainProblem(server_.certificate_pem + std::string(1, '\0')),
              HasSubstr("it has a zero byte"));
  EXPECT_THAT(ChainProblem(server_.certificate_pem + std::string(1 << 20, '\n')),
              HasSubstr("longer than 1 MiB"));
  std::string many;
  for (int i = 0; i < 11; ++i) many += server_.certificate_pem;
  EXPECT_THAT(ChainProblem(many), HasSubstr("has more than 10 certificates"));
}

TEST_F(TlsCheckTest, EachCertificateIsValidNow) {
  EXPECT_THAT(Problem(MakeTestIdentity({.ends_sec = -5})),
              AllOf(HasSubstr("the certificate expired at 2"), HasSubstr("renewed")));
  EXPECT_THAT(Problem(MakeTestIdentity({.begins_sec = 1000})),
              HasSubstr("the certificate is valid only from 2"));
  const TestIdentity old = MakeTestIdentity({.common_name = "Old", .ends_sec = -5});
  const TestIdentity server = MakeTestIdentity({}, &old);
  EXPECT_THAT(Problem({server.certificate_pem + old.certificate_pem, server.private_key_pem, ""}),
              HasSubstr("certificate 2 of the chain expired at 2"));
  EXPECT_TRUE(CheckTls({server_.certificate_pem, server_.private_key_pem, ""}, now_).ok());
  EXPECT_FALSE(
      CheckTls({server_.certificate_pem, server_.private_key_pem, ""}, now_ + hours(2)).ok());
  EXPECT_FALSE(
      CheckTls({server_.certificate_pem, server_.private_key_pem, ""}, now_ - hours(2)).ok());
}

TEST_F(TlsCheckTest, AKeyIsToBeReadable) {
  const auto problem = [this](const std::string& key) {
    return Problem({server_.certificate_pem, key, ""});
  };
  EXPECT_THAT(problem(EncryptedKey(server_)), HasSubstr("the private key is encrypted"));
  EXPECT_THAT(problem(issuer_.private_key_pem),
              HasSubstr("the private key is not that of the certificate"));
  EXPECT_THAT(problem(server_.certificate_pem), HasSubstr("the private key is no PEM text"));
  EXPECT_THAT(problem("engine:dynamic:x\n" + server_.private_key_pem), HasSubstr("engines"));
  EXPECT_THAT(problem(""), HasSubstr("the private key is no PEM text"));
}

TEST_F(TlsCheckTest, WhatClientsOrOpenSslWouldRefuse) {
  EXPECT_THAT(Problem(MakeTestIdentity({.key = "1024"})), HasSubstr("key too small"));
  EXPECT_THAT(Problem(MakeTestIdentity({.extended_key_usage = "clientAuth"})),
              HasSubstr("not meant for a server"));
  EXPECT_EQ(Problem(MakeTestIdentity({.extended_key_usage = "serverAuth,clientAuth"})), "");
  EXPECT_THAT(Problem(MakeTestIdentity({.alternative_names = "",
                                        .change =
                                            [](X509* certificate) {
                                              SetAlternativeName(certificate, GEN_IPADD, "12345");
                                            }})),
              HasSubstr("malformed"));
}

TEST_F(TlsCheckTest, ClientRootsMayBeMany) {
  const TestIdentity old = MakeTestIdentity({.ends_sec = -5});
  EXPECT_EQ(Problem(server_, root_.certificate_pem + old.certificate_pem), "");
  EXPECT_EQ(Problem(server_, old.certificate_pem + root_.certificate_pem), "");
  EXPECT_THAT(Problem(server_, old.certificate_pem + old.certificate_pem),
              HasSubstr("have all expired"));
  EXPECT_THAT(Problem(server_, "no pem"), HasSubstr("the clients' root certificate is no PEM"));
  std::string damaged = old.certificate_pem;
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(Problem(server_, root_.certificate_pem + damaged), HasSubstr("is damaged"));
}

TEST_F(TlsCheckTest, TheFirstToExpireCounts) {
  const auto near = [](const std::string& pem, WallTime expected) {
    const auto expiry = CertificateExpiry(pem);
    ASSERT_TRUE(expiry.ok()) << expiry.status();
    EXPECT_LT(*expiry - expected, minutes(2));
    EXPECT_LT(expected - *expiry, minutes(2));
  };
  const TestIdentity soon = MakeTestIdentity({.ends_sec = 600});
  near(server_.certificate_pem, now_ + hours(1));
  near(server_.certificate_pem + soon.certificate_pem, now_ + minutes(10));
  const TestIdentity never = MakeTestIdentity({.change = [](X509* certificate) {
    ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z");
  }});
  EXPECT_EQ(CertificateExpiry(never.certificate_pem).ValueOrDie(), WallTime::max());
  EXPECT_EQ(Problem(never), "");
  EXPECT_FALSE(CertificateExpiry("").ok());
}

}  // namespace
}  // namespace longbow::transport
