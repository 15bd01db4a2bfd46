#include "secret/vault_answer.h"

#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::secret {
namespace {

TEST(VaultAnswer, ReadsLogins) {
  VaultToken token = ParseLogin(R"({"auth":{"client_token":"hvs.abc","lease_duration":1200,
      "renewable":true,"accessor":"x"},"data":null,"lease_duration":0})")
                         .ValueOrDie();
  EXPECT_EQ(token.token, "hvs.abc");
  EXPECT_EQ(token.ttl.count(), 1200);
  EXPECT_TRUE(token.is_renewable);
  EXPECT_FALSE(ParseLogin(R"({"auth":{"client_token":"a b"}})").ok()) << "it goes into a header";
  EXPECT_FALSE(ParseLogin(R"({"auth":{"client_token":"a\r\nb"}})").ok());
}

TEST(VaultAnswer, ReadsLookups) {
  VaultToken token =
      ParseLookup(R"({"data":{"ttl":60,"renewable":false,"id":"hvs.x"}})").ValueOrDie();
  EXPECT_EQ(token.token, "");
  EXPECT_EQ(token.ttl.count(), 60);
  EXPECT_FALSE(token.is_renewable);
}

TEST(VaultAnswer, ReadsKeys) {
  const std::string body =
      R"({"lease_duration":30,"data":{"data":{"t":"text","n":5432,"f":1.5,"b":true,"o":{},
          "l":[],"z":null,"":"empty"},"metadata":{"version":2}}})";
  EXPECT_EQ(ParseSecret(body, "t").ValueOrDie().value, "text");
  EXPECT_EQ(ParseSecret(body, "t").ValueOrDie().lease.count(), 30);
  EXPECT_EQ(ParseSecret(body, "n").ValueOrDie().value, "5432");
  EXPECT_EQ(ParseSecret(body, "f").ValueOrDie().value, "1.5");
  EXPECT_EQ(ParseSecret(body, "b").ValueOrDie().value, "true");
  EXPECT_FALSE(ParseSecret(body, "missing").ValueOrDie().value.has_value());
  for (const char* key : {"o", "l", "z"}) {
    EXPECT_EQ(ErrorCodeOf(ParseSecret(body, key).status()), ErrorCode::kBadArgument);
  }
}

TEST(VaultAnswer, AnOldEnginesAnswerIsNotMistakenForASecret) {
  EXPECT_FALSE(ParseSecret(R"({"data":{"password":"x"}})", "password").ok());
  EXPECT_FALSE(ParseSecret(R"({"data":{"data":{"password":"x"}}})", "password").ok());
}

TEST(VaultAnswer, TellsDeletedVersions) {
  EXPECT_TRUE(IsDeletedVersion(
      R"({"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z"}}})"));
  EXPECT_TRUE(IsDeletedVersion(R"({"data":{"metadata":{"deletion_time":"","destroyed":true}}})"));
  EXPECT_FALSE(IsDeletedVersion(R"({"errors":[]})"));
  EXPECT_FALSE(IsDeletedVersion(R"({"data":{"metadata":{"deletion_time":""}}})"));
}

TEST(VaultAnswer, ReadsErrors) {
  EXPECT_EQ(ParseErrors(R"({"errors":["one","two"]})"), "one; two");
  EXPECT_EQ(ParseErrors(R"({"errors":[1,"",null,"two"]})"), "two");
  EXPECT_EQ(ParseErrors(R"({"errors":"x"})"), "");
}

TEST(VaultAnswer, SurvivesAnyBytes) {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("null"), std::string("[]"), std::string("7"),
        std::string("\"x\""), std::string("<html>"), std::string("\xff\xfe"),
        std::string(1 << 20, '['), std::string(R"({"auth":[]})"), std::string(R"({"auth":null})"),
        std::string(R"({"auth":{"client_token":7}})"), std::string(R"({"data":7})"),
        std::string(R"({"data":{"data":7,"metadata":{}}})"),
        std::string(R"({"data":{"ttl":"1h"}})"), std::string(R"({"data":{"metadata":[]}})")}) {
    EXPECT_FALSE(ParseLogin(body).ok());
    EXPECT_FALSE(ParseLookup(body).ok());
    EXPECT_FALSE(ParseSecret(body, "k").ok());
    EXPECT_FALSE(IsDeletedVersion(body));
    EXPECT_EQ(ParseErrors(body), "");
  }
  EXPECT_EQ(
      ParseLogin(R"({"auth":{"client_token":"t","lease_duration":-5}})").ValueOrDie().ttl.count(),
      0);
  EXPECT_GT(ParseLogin(R"({"auth":{"client_token":"t","lease_duration":18446744073709551615}})")
                .ValueOrDie()
                .ttl.count(),
            0);
  std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_FALSE(ParseLogin(deep).ok());
}

TEST(VaultAnswer, BracketsInTextsAreNoDepth) {
  const std::string many(1000, '[');
  const std::string body = R"({"data":{"data":{"k":"\"\\[{)" + many + R"("},"metadata":{}}})";
  EXPECT_EQ(ParseSecret(body, "k").ValueOrDie().value, "\"\\[{" + many);
}

TEST(VaultAnswer, MakesObjects) {
  std::string value = "a\"b\n\xff";
  EXPECT_EQ(MakeJsonObject({{"k", &value}}), "{\"k\":\"a\\\"b\\n\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace longbow::secret
