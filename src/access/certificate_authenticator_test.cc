#include "access/certificate_authenticator.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "access/anonymous_authenticator.h"
#include "access/fake_call_context.h"
#include "access/identity.h"

namespace longbow::access {
namespace {

using ::testing::ElementsAre;

FakeCallContext CallWith(PeerCertificate certificate) {
  return FakeCallContext(std::move(certificate));
}

const PeerCertificate kEtl = {
    "CN=etl.example,O=Example", "etl.example", {"etl.example", "spiffe://example/etl"}};

TEST(CertificateAuthenticator, GivesEachIdentity) {
  CertificateAuthenticator authenticator;
  EXPECT_FALSE(authenticator.blocks());
  const FakeCallContext call = CallWith(kEtl);
  const auto principal = authenticator.Authenticate(call).ValueOrDie();
  EXPECT_EQ(principal->name, "etl.example");
  EXPECT_THAT(principal->identities,
              ElementsAre("cert:subject=CN=etl.example,O=Example", "cert:cn=etl.example",
                          "cert:san=etl.example", "cert:san=spiffe://example/etl"));
}

TEST(CertificateAuthenticator, TakesTheFirstNameThatCanBeOne) {
  const std::string long_name(kMaxNameBytes + 1, 'n');
  const std::vector<std::pair<PeerCertificate, std::string>> table = {
      {{"O=X", "", {"a.example", "b.example"}}, "a.example"},
      {{"O=X", "", {}}, "O=X"},
      {{"O=X", "a\nb", {"a.example"}}, "a.example"},
      {{"O=X", "\xff", {""}}, "O=X"},
      {{"O=X", long_name, {}}, "O=X"},
      {{"O=X", std::string("root\0.example", 13), {}}, "O=X"},
  };
  CertificateAuthenticator authenticator;
  for (const auto& [certificate, name] : table) {
    const FakeCallContext call = CallWith(certificate);
    EXPECT_EQ(authenticator.Authenticate(call).ValueOrDie()->name, name);
  }
}

TEST(CertificateAuthenticator, RefusesWhereThereIsNone) {
  CertificateAuthenticator authenticator;
  const FakeCallContext none;
  EXPECT_EQ(ErrorCodeOf(authenticator.Authenticate(none).status()), ErrorCode::kUnauthenticated);
  const FakeCallContext nameless = CallWith({"", "", {"", "a\x01"}});
  EXPECT_EQ(ErrorCodeOf(authenticator.Authenticate(nameless).status()),
            ErrorCode::kUnauthenticated);
}

TEST(CertificateAuthenticator, LeavesOutWhatNoRuleCouldName) {
  PeerCertificate certificate = {"", "a\r", {"\xc2\x85", "good", ""}};
  EXPECT_THAT(CertificateIdentities(certificate), ElementsAre("cert:san=good"));
  certificate.alternative_names.assign(2000, "n");
  EXPECT_EQ(CertificateIdentities(certificate).size(), kMaxIdentities);
}

// Gives the same answer to everybody.
class FixedAuthenticator : public Authenticator {
 public:
  explicit FixedAuthenticator(arrow::Result<std::shared_ptr<const Principal>> answer)
      : answer_(std::move(answer)) {}
  arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext&) override {
    return answer_;
  }

 private:
  const arrow::Result<std::shared_ptr<const Principal>> answer_;
};

TEST(CombinedAuthenticator, AddsTheCertificate) {
  auto token = std::make_shared<const Principal>(Principal{"etl", {"token:etl"}});
  CombinedAuthenticator combined(std::make_shared<FixedAuthenticator>(token));
  EXPECT_TRUE(combined.blocks()) << "as the other does";
  const FakeCallContext without;
  EXPECT_EQ(combined.Authenticate(without).ValueOrDie(), token) << "nothing is copied";
  const FakeCallContext with = CallWith({"", "host.example", {}});
  const auto both = combined.Authenticate(with).ValueOrDie();
  EXPECT_EQ(both->name, "etl");
  EXPECT_THAT(both->identities, ElementsAre("token:etl", "cert:cn=host.example"));
  EXPECT_THAT(token->identities, ElementsAre("token:etl"));
}

TEST(CombinedAuthenticator, ACertificateAloneDoesNotGetIn) {
  const FakeCallContext call = CallWith(kEtl);
  CombinedAuthenticator refusing(std::make_shared<FixedAuthenticator>(
      MakeError(ErrorCode::kUnauthenticated, "The token is not known")));
  EXPECT_EQ(ErrorCodeOf(refusing.Authenticate(call).status()), ErrorCode::kUnauthenticated);
  CombinedAuthenticator broken(
      std::make_shared<FixedAuthenticator>(std::shared_ptr<const Principal>()));
  EXPECT_EQ(ErrorCodeOf(broken.Authenticate(call).status()), ErrorCode::kInternalError);
}

TEST(AnonymousAuthenticator, LetsEverybodyIn) {
  AnonymousAuthenticator authenticator;
  EXPECT_FALSE(authenticator.blocks());
  const FakeCallContext call{{"authorization", "Bearer whatever"}};
  const auto nobody = authenticator.Authenticate(call).ValueOrDie();
  EXPECT_EQ(nobody->name, "anonymous");
  EXPECT_THAT(nobody->identities, ElementsAre("anonymous"));
  EXPECT_EQ(authenticator.Authenticate(call).ValueOrDie(), nobody);
  const FakeCallContext with = CallWith({"", "etl", {}});
  const auto host = authenticator.Authenticate(with).ValueOrDie();
  EXPECT_EQ(host->name, "anonymous");
  EXPECT_THAT(host->identities, ElementsAre("anonymous", "cert:cn=etl"));
}

}  // namespace
}  // namespace longbow::access
