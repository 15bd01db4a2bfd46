#include "access/credential.h"

#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "access/fake_call_context.h"

namespace longbow::access {
namespace {

constexpr size_t kMax = 32;

TEST(Credential, IsFoundWhateverTheSchemesCaseAndSpaces) {
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer    "}) {
    const FakeCallContext call{{"authorization", std::string(scheme) + "abc.def"}};
    const auto token = FindCredential(call, "authorization", kMax);
    ASSERT_TRUE(token.ok()) << scheme << token.status().ToString();
    EXPECT_EQ(*token, "abc.def");
  }
}

TEST(Credential, OfAnotherHeaderTheValueIsTheToken) {
  const FakeCallContext call{{"x-key", "Bearer abc"}, {"authorization", "Basic Zm9v"}};
  EXPECT_EQ(FindCredential(call, "x-key", kMax).ValueOrDie(), "Bearer abc");
}

TEST(Credential, IsRefusedInEveryOtherForm) {
  const std::string longest(kMax, 'a');
  const std::vector<std::string> values = {
      "",
      " ",
      "secret-value",
      "Bearer",
      "Bearer ",
      "Bearer    ",
      "Bearersecret-value",
      "Bearer\tsecret-value",
      " Bearer secret-value",
      "Basic secret-value",
      "Bearer: secret-value",
      "Bea",
      "B\xc3\xa9"
      "arer secret-value",
      std::string("Bearer\0secret-value", 19),
      "Bearer " + longest + "a",
  };
  for (const std::string& value : values) {
    const FakeCallContext call{{"authorization", value}};
    const arrow::Status status = FindCredential(call, "authorization", kMax).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated) << value;
    EXPECT_NE(status.message().find("'authorization: Bearer TOKEN'"), std::string::npos);
    EXPECT_EQ(status.message().find("secret-value"), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find("aaa"), std::string::npos) << status.message();
  }
  const FakeCallContext fits{{"authorization", "Bearer " + longest}};
  EXPECT_TRUE(FindCredential(fits, "authorization", kMax).ok());
}

TEST(Credential, IsRefusedWhereItIsMissingOrThereTwice) {
  const FakeCallContext none{{"x-other", "abc"}};
  const FakeCallContext equal{{"authorization", "Bearer a"}, {"authorization", "Bearer a"}};
  const FakeCallContext other{{"authorization", "Bearer a"}, {"authorization", ""}};
  for (const FakeCallContext* call : {&none, &equal, &other}) {
    const arrow::Status status = FindCredential(*call, "authorization", kMax).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated);
  }
  const arrow::Status status = FindCredential(none, "x-key", kMax).status();
  EXPECT_EQ(status.message(), "The call has no token: send the header 'x-key: TOKEN'");
}

TEST(Credential, HeadersThatCannotBeAreRefused) {
  for (const char* good : {"authorization", "x-api-key", "x_key.1", "token-bin"}) {
    EXPECT_TRUE(CheckCredentialHeader(good).ok()) << good;
  }
  const std::string too_long(65, 'a');
  for (std::string_view bad : {"", "Authorization", "x key", ":path", "grpc-timeout",
                               "x-k\xc3\xa9y", "a\n", too_long.c_str()}) {
    EXPECT_EQ(ErrorCodeOf(CheckCredentialHeader(bad)), ErrorCode::kBadArgument) << bad;
  }
}

}  // namespace
}  // namespace longbow::access
