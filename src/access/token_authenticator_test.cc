#include "access/token_authenticator.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "access/fake_call_context.h"

namespace longbow::access {
namespace {

using Tokens = TokenAuthenticator::Tokens;

const std::string kEtl = "etl-token-0123456789";
const std::string kAdmin = "admin-token-9876543210";

std::unique_ptr<TokenAuthenticator> Make(const Tokens& tokens,
                                         const std::string& header = "authorization") {
  FakeRandom random;
  auto made = TokenAuthenticator::Make(header, tokens, &random);
  EXPECT_TRUE(made.ok()) << made.status().ToString();
  return std::move(*made);
}

arrow::Result<std::shared_ptr<const Principal>> Ask(TokenAuthenticator& authenticator,
                                                    const std::string& token) {
  const FakeCallContext call{{"authorization", "Bearer " + token}};
  return authenticator.Authenticate(call);
}

TEST(TokenAuthenticator, KnowsItsTokens) {
  auto tokens = Make({{"etl", kEtl}, {"admin", kAdmin}});
  EXPECT_FALSE(tokens->blocks());
  const auto etl = Ask(*tokens, kEtl).ValueOrDie();
  EXPECT_EQ(etl->name, "etl");
  EXPECT_EQ(etl->identities, std::vector<std::string>{"token:etl"});
  EXPECT_EQ(Ask(*tokens, kAdmin).ValueOrDie()->name, "admin");
  EXPECT_EQ(Ask(*tokens, kEtl).ValueOrDie(), etl) << "it is made once";
}

TEST(TokenAuthenticator, RefusesAllOthersAndShowsNothing) {
  auto tokens = Make({{"etl", kEtl}});
  std::vector<std::string> wrong = {kEtl + "0",
                                    kEtl.substr(1),
                                    kEtl.substr(0, kEtl.size() - 1),
                                    kAdmin,
                                    kEtl + " ",
                                    "etl",
                                    "token:etl",
                                    std::string(TokenAuthenticator::kMaxTokenBytes + 1, 'x'),
                                    "\xff\xfe\x01",
                                    kEtl + std::string(1, '\0')};
  std::string other_case = kEtl;
  other_case[0] = 'E';
  wrong.push_back(other_case);
  for (const std::string& token : wrong) {
    const arrow::Status status = Ask(*tokens, token).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated) << token;
    EXPECT_EQ(status.ToString().find(kEtl.substr(1, 12)), std::string::npos) << status.ToString();
    EXPECT_EQ(status.ToString().find("xxx"), std::string::npos) << status.ToString();
  }
  const FakeCallContext none;
  EXPECT_EQ(ErrorCodeOf(tokens->Authenticate(none).status()), ErrorCode::kUnauthenticated);
}

TEST(TokenAuthenticator, TakesAnotherHeader) {
  auto tokens = Make({{"etl", kEtl}}, "x-longbow-token");
  const FakeCallContext good{{"x-longbow-token", kEtl}};
  EXPECT_EQ(tokens->Authenticate(good).ValueOrDie()->name, "etl");
  const FakeCallContext scheme{{"x-longbow-token", "Bearer " + kEtl}};
  EXPECT_FALSE(tokens->Authenticate(scheme).ok());
  EXPECT_FALSE(Ask(*tokens, kEtl).ok()) << "the usual header is not looked at";
}

TEST(TokenAuthenticator, WithoutTokensNobodyGetsIn) {
  auto tokens = Make({});
  EXPECT_FALSE(Ask(*tokens, kEtl).ok());
}

struct BadTokens {
  Tokens tokens;
  const char* named;
};

TEST(TokenAuthenticator, RefusesTokensThatAreNone) {
  const std::vector<BadTokens> table = {
      {{{"short", "secret-15-bytes"}}, "'short'"},
      {{{"empty", ""}}, "'empty'"},
      {{{"long", std::string(4097, 'x')}}, "'long'"},
      {{{"line", "secret-16-bytes-\n"}}, "'line'"},
      {{{"space", "secret-16-bytes x"}}, "'space'"},
      {{{"binary", "secret-16-bytes\x80\x80"}}, "'binary'"},
      {{{"a", "secret-16-bytes-"}, {"b", "secret-16-bytes-"}}, "'a' and 'b'"},
      {{{"", "secret-16-bytes-"}}, "name"},
      {{{"team-*", "secret-16-bytes-"}}, "name"},
      {{{"a\nb", "secret-16-bytes-"}}, "name"},
      {{{std::string(257, 'n'), "secret-16-bytes-"}}, "name"},
  };
  FakeRandom random;
  auto running = Make({{"etl", kEtl}});
  for (const BadTokens& row : table) {
    const auto made = TokenAuthenticator::Make("authorization", row.tokens, &random);
    ASSERT_FALSE(made.ok()) << row.named;
    EXPECT_EQ(ErrorCodeOf(made.status()), ErrorCode::kBadArgument);
    EXPECT_NE(made.status().message().find(row.named), std::string::npos) << made.status();
    EXPECT_EQ(made.status().message().find("secret"), std::string::npos) << made.status();
    EXPECT_FALSE(running->Replace(row.tokens).ok());
  }
  EXPECT_TRUE(Ask(*running, kEtl).ok()) << "what was good stays good";
  EXPECT_FALSE(TokenAuthenticator::Make("Bad Header", {}, &random).ok());
  EXPECT_TRUE(
      TokenAuthenticator::Make("authorization", {{"ok", "exactly-16-bytes"}}, &random).ok());
}

TEST(TokenAuthenticator, HasALimit) {
  Tokens many;
  for (size_t i = 0; i < TokenAuthenticator::kMaxTokens; ++i) {
    many["t" + std::to_string(i)] = "token-number-" + std::to_string(100000 + i);
  }
  auto tokens = Make(many);
  EXPECT_EQ(Ask(*tokens, "token-number-100000").ValueOrDie()->name, "t0");
  EXPECT_EQ(Ask(*tokens, "token-number-101023").ValueOrDie()->name, "t1023");
  many["one-more"] = "token-one-too-many";
  EXPECT_EQ(ErrorCodeOf(tokens->Replace(many)), ErrorCode::kBadArgument);
}

// With a comparison that ended at the first match, the last one would take ten times as long.
TEST(TokenAuthenticator, TakesAsLongForEachToken) {
  Tokens many;
  for (size_t i = 0; i < TokenAuthenticator::kMaxTokens; ++i) {
    many["t" + std::to_string(10000 + i)] = "token-number-" + std::to_string(10000 + i);
  }
  auto tokens = Make(many);
  const std::vector<std::string> asked = {"token-number-10000", "token-number-11023",
                                          "token-number-unknown"};
  // The fastest of many: what else the machine does only adds to it.
  std::vector<std::chrono::nanoseconds> fastest(asked.size(), std::chrono::hours(1));
  for (int round = 0; round < 500; ++round) {
    for (size_t i = 0; i < asked.size(); ++i) {
      const auto begin = std::chrono::steady_clock::now();
      (void)Ask(*tokens, asked[i]);
      fastest[i] =
          std::min<std::chrono::nanoseconds>(fastest[i], std::chrono::steady_clock::now() - begin);
    }
  }
  const auto [least, most] = std::minmax_element(fastest.begin(), fastest.end());
  EXPECT_LT(*most, 2 * *least);
}

TEST(TokenAuthenticator, ReplacedTokensCountAtOnce) {
  auto tokens = Make({{"etl", kEtl}});
  const auto before = Ask(*tokens, kEtl).ValueOrDie();
  ASSERT_TRUE(tokens->Replace({{"admin", kAdmin}}).ok());
  EXPECT_FALSE(Ask(*tokens, kEtl).ok());
  EXPECT_TRUE(Ask(*tokens, kAdmin).ok());
  EXPECT_EQ(before->name, "etl") << "who has it keeps it";
}

TEST(TokenAuthenticator, IsAskedWhileItsTokensAreReplaced) {
  auto tokens = Make({{"etl", kEtl}, {"admin", kAdmin}});
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto etl = Ask(*tokens, kEtl);
        if (!etl.ok() || (*etl)->name != "etl") ++wrong;
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    Tokens next = {{"etl", kEtl}};
    if (i % 2 == 0) next["admin"] = kAdmin;
    ASSERT_TRUE(tokens->Replace(next).ok());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace longbow::access
