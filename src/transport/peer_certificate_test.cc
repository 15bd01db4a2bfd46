// What is taken over from a client's certificate, and what is left out.

#include "transport/peer_certificate.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/security/auth_context.h>
#include <gtest/gtest.h>

namespace longbow::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

using Properties = std::multimap<std::string, std::string>;

class FakeAuthContext final : public grpc::AuthContext {
 public:
  explicit FakeAuthContext(Properties properties) : properties_(std::move(properties)) {}

  bool IsPeerAuthenticated() const override { return authenticated; }
  std::vector<grpc::string_ref> GetPeerIdentity() const override { return {}; }
  std::string GetPeerIdentityPropertyName() const override { return {}; }
  std::vector<grpc::string_ref> FindPropertyValues(const std::string& name) const override {
    std::vector<grpc::string_ref> values;
    const auto [begin, end] = properties_.equal_range(name);
    for (auto it = begin; it != end; ++it) values.emplace_back(it->second);
    return values;
  }
  grpc::AuthPropertyIterator begin() const override { return NoProperty(); }
  grpc::AuthPropertyIterator end() const override { return NoProperty(); }
  void AddProperty(const std::string& key, const grpc::string_ref& value) override {
    properties_.emplace(key, std::string(value.data(), value.size()));
  }
  bool SetPeerIdentityPropertyName(const std::string& /*name*/) override { return false; }

  bool authenticated = true;

 private:
  struct NoProperty : grpc::AuthPropertyIterator {};

  Properties properties_;
};

FakeAuthContext Client(const std::string& subject, const std::string& common_name) {
  return FakeAuthContext({{"transport_security_type", "ssl"},
                          {"x509_pem_cert", "a certificate"},
                          {"x509_subject", subject},
                          {"x509_common_name", common_name}});
}

TEST(PeerCertificate, IsOnlyThatOfAnAuthenticatedClient) {
  const std::pair<const std::string, std::string> shown{"x509_pem_cert", "a certificate"};
  for (const Properties& properties :
       {Properties{}, Properties{{"transport_security_type", "ssl"}}, Properties{shown},
        Properties{{"transport_security_type", "local"}, shown}}) {
    EXPECT_FALSE(ReadPeerCertificate(FakeAuthContext(properties)));
  }
  FakeAuthContext client = Client("CN=etl", "etl");
  client.authenticated = false;
  EXPECT_FALSE(ReadPeerCertificate(client));
  client.authenticated = true;
  EXPECT_TRUE(ReadPeerCertificate(client));
}

TEST(PeerCertificate, HasItsNames) {
  FakeAuthContext client = Client("CN=etl,O=Example", "etl");
  client.AddProperty("peer_email", "a@example.com");
  client.AddProperty("peer_dns", "b.example");
  client.AddProperty("peer_dns", "c.example");
  client.AddProperty("peer_ip", "10.0.0.1");
  client.AddProperty("peer_uri", "spiffe://d/e");
  const auto peer = ReadPeerCertificate(client);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->subject, "CN=etl,O=Example");
  EXPECT_EQ(peer->common_name, "etl");
  EXPECT_THAT(peer->alternative_names,
              ElementsAre("b.example", "c.example", "spiffe://d/e", "10.0.0.1", "a@example.com"));
}

TEST(PeerCertificate, OfSeveralCommonNamesNoneCounts) {
  const auto common_name = [](const std::string& subject) {
    return ReadPeerCertificate(Client(subject, "etl"))->common_name;
  };
  EXPECT_EQ(common_name("CN=etl"), "etl");
  EXPECT_EQ(common_name("O=Example,CN=etl"), "etl");
  EXPECT_EQ(common_name("CN=admin,CN=etl"), "");
  EXPECT_EQ(common_name("CN=admin+CN=etl"), "");
  // Part of a value, all of them.
  EXPECT_EQ(common_name("CN=etl\\,CN=admin"), "etl");
  EXPECT_EQ(common_name("CN=etl\\+CN=admin,O=SCN=x"), "etl");
  EXPECT_EQ(common_name("CN=etl\\\\,CN=admin"), "");
  EXPECT_EQ(common_name("O=Example"), "");
}

TEST(PeerCertificate, NamesComeWholeOrNotAtAll) {
  FakeAuthContext client = Client("CN=etl,O=" + std::string(2000, 'x'), std::string("etl\0x", 5));
  const std::string longest(1024, 'x');
  for (const std::string& name :
       {std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"), std::string("a\xc2\x85"),
        std::string("a\xe2\x80\xa8"), std::string("\xff"), std::string(), longest + "x", longest,
        std::string("b\xc3\xa9"), std::string("\xc2\xa0")}) {
    client.AddProperty("peer_uri", name);
  }
  const auto peer = ReadPeerCertificate(client);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->subject, "");
  EXPECT_EQ(peer->common_name, "");
  EXPECT_THAT(peer->alternative_names, ElementsAre(longest, "b\xc3\xa9", "\xc2\xa0"));
}

TEST(PeerCertificate, ThereAreNotTooMany) {
  FakeAuthContext client = Client("CN=etl", "etl");
  for (int i = 0; i < 1000; ++i) client.AddProperty("peer_dns", std::to_string(i));
  client.AddProperty("peer_email", "a@example.com");
  EXPECT_THAT(ReadPeerCertificate(client)->alternative_names, SizeIs(64));
}

}  // namespace
}  // namespace longbow::transport
