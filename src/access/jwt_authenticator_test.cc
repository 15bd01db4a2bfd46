#include "access/jwt_authenticator.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>

#include "access/fake_call_context.h"
#include "access/jwt_test_key.h"

namespace longbow::access {
namespace {

using Kind = JwtKeySource::Kind;
using std::chrono::seconds;

constexpr int64_t kStart = 1767225600;  // FakeClock's

const JwtTestKey& Ec() {
  static const JwtTestKey key = JwtTestKey::Ec("P-256");
  return key;
}
const JwtTestKey& NewEc() {
  static const JwtTestKey key = JwtTestKey::Ec("P-256");
  return key;
}

std::shared_ptr<const JwtKeys> KeysOf(const std::vector<const JwtTestKey*>& keys) {
  std::vector<JwtKeySource> sources;
  for (const JwtTestKey* key : keys) sources.push_back({Kind::kPem, "key.pem", key->public_pem()});
  return JwtKeys::Make(sources).ValueOrDie();
}

std::string Token(const JwtTestKey& key, const std::string& sub, int64_t exp_offset) {
  return key.Sign(R"({"alg":"ES256"})",
                  R"({"sub":")" + sub + R"(","exp":)" + std::to_string(kStart + exp_offset) + "}");
}

class JwtAuthenticatorTest : public ::testing::Test {
 protected:
  std::unique_ptr<JwtAuthenticator> Make(int64_t skew_sec = 0) {
    JwtOptions options;
    options.rules.clock_skew_sec = skew_sec;
    return JwtAuthenticator::Make(options, KeysOf({&Ec()}), &clock_).ValueOrDie();
  }

  static arrow::Result<std::shared_ptr<const Principal>> Ask(JwtAuthenticator& jwt,
                                                             const std::string& token) {
    const FakeCallContext call{{"authorization", "Bearer " + token}};
    return jwt.Authenticate(call);
  }

  testing::FakeClock clock_;
};

TEST_F(JwtAuthenticatorTest, LetsInWhoHasAGoodToken) {
  auto jwt = Make();
  EXPECT_FALSE(jwt->blocks());
  const auto anna = Ask(*jwt, Token(Ec(), "anna", 60)).ValueOrDie();
  EXPECT_EQ(anna->name, "anna");
  EXPECT_EQ(anna->identities, std::vector<std::string>{"claim:sub=anna"});
}

TEST_F(JwtAuthenticatorTest, RefusesAllOthersAndShowsNothing) {
  auto jwt = Make();
  const std::string expired = Token(Ec(), "SECRET", -1);
  for (const std::string& token :
       {expired, Token(NewEc(), "SECRET", 60), std::string("SECRET"), std::string("a.b.c"),
        std::string(JwtKeys::kMaxTokenBytes + 1, 'S'), std::string(40000, '.'),
        std::string("\xff\x80\x01")}) {
    const arrow::Status status = Ask(*jwt, token).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated) << token.substr(0, 50);
    EXPECT_EQ(status.ToString().find("SECRET"), std::string::npos) << status.ToString();
    EXPECT_EQ(status.ToString().find(token.substr(0, 8)), std::string::npos) << status.ToString();
  }
  EXPECT_EQ(jwt->cached_tokens(), 0u);
  const FakeCallContext none;
  EXPECT_EQ(ErrorCodeOf(jwt->Authenticate(none).status()), ErrorCode::kUnauthenticated);
}

TEST_F(JwtAuthenticatorTest, TakesAnotherHeader) {
  JwtOptions options;
  options.header = "x-jwt";
  auto jwt = JwtAuthenticator::Make(options, KeysOf({&Ec()}), &clock_).ValueOrDie();
  const FakeCallContext call{{"x-jwt", Token(Ec(), "anna", 60)}};
  EXPECT_TRUE(jwt->Authenticate(call).ok());
  EXPECT_FALSE(Ask(*jwt, Token(Ec(), "anna", 60)).ok());
}

TEST_F(JwtAuthenticatorTest, RefusesOptionsThatCannotBe) {
  JwtOptions header;
  header.header = "Authorization";
  EXPECT_FALSE(JwtAuthenticator::Make(header, KeysOf({&Ec()}), &clock_).ok());
  JwtOptions rules;
  rules.rules.clock_skew_sec = -1;
  EXPECT_FALSE(JwtAuthenticator::Make(rules, KeysOf({&Ec()}), &clock_).ok());
}

TEST_F(JwtAuthenticatorTest, RemembersAGoodTokenForAMinute) {
  auto jwt = Make();
  const std::string token = Token(Ec(), "anna", 3600);
  const auto first = Ask(*jwt, token).ValueOrDie();
  EXPECT_EQ(jwt->cache_hits(), 0u);
  clock_.Advance(seconds(59));
  EXPECT_EQ(Ask(*jwt, token).ValueOrDie(), first) << "the same object";
  EXPECT_EQ(jwt->cache_hits(), 1u);
  clock_.Advance(seconds(1));
  EXPECT_NE(Ask(*jwt, token).ValueOrDie(), first);
  EXPECT_EQ(jwt->cache_hits(), 1u);
  EXPECT_EQ(jwt->cached_tokens(), 1u);
}

TEST_F(JwtAuthenticatorTest, RemembersNoTokenBeyondItsEnd) {
  for (const int64_t skew : {0, 5}) {
    auto jwt = Make(skew);
    const auto since_1970 = clock_.WallNow().time_since_epoch();
    const int64_t now = std::chrono::duration_cast<seconds>(since_1970).count();
    const std::string token = Token(Ec(), "anna", now - kStart + 10);
    ASSERT_TRUE(Ask(*jwt, token).ok());
    clock_.Advance(seconds(9 + skew));
    EXPECT_TRUE(Ask(*jwt, token).ok());
    EXPECT_EQ(jwt->cache_hits(), 1u);
    clock_.Advance(seconds(1));
    EXPECT_FALSE(Ask(*jwt, token).ok());
    EXPECT_EQ(jwt->cached_tokens(), 0u);
  }
}

TEST_F(JwtAuthenticatorTest, AClockThatIsSetCounts) {
  auto jwt = Make();
  const std::string token = Token(Ec(), "anna", 3600);
  ASSERT_TRUE(Ask(*jwt, token).ok());
  clock_.AdvanceWall(std::chrono::hours(1));
  EXPECT_FALSE(Ask(*jwt, token).ok());
}

TEST_F(JwtAuthenticatorTest, RemembersALimitedNumber) {
  JwtOptions options;
  const std::string secret = "an-hmac-secret-of-at-least-32-bytes!";
  auto keys = JwtKeys::Make({{Kind::kSecret, "secret", secret}}).ValueOrDie();
  auto jwt = JwtAuthenticator::Make(options, keys, &clock_).ValueOrDie();
  const JwtTestKey key = JwtTestKey::Secret(secret);
  const auto token = [&](size_t i) {
    return key.Sign(R"({"alg":"HS256"})",
                    R"({"exp":1767229200,"sub":"u)" + std::to_string(i) + R"("})");
  };
  for (size_t i = 0; i <= JwtAuthenticator::kMaxCachedTokens; ++i) {
    EXPECT_EQ(Ask(*jwt, token(i)).ValueOrDie()->name, "u" + std::to_string(i));
  }
  EXPECT_EQ(jwt->cached_tokens(), JwtAuthenticator::kMaxCachedTokens);
  EXPECT_EQ(Ask(*jwt, token(1)).ValueOrDie()->name, "u1");
  EXPECT_EQ(jwt->cache_hits(), 1u);
  EXPECT_EQ(Ask(*jwt, token(0)).ValueOrDie()->name, "u0");
  EXPECT_EQ(jwt->cache_hits(), 1u) << "the oldest was forgotten";
}

TEST_F(JwtAuthenticatorTest, ReplacedKeysCountAtOnce) {
  auto jwt = Make();
  const std::string of_old = Token(Ec(), "anna", 3600);
  const std::string of_new = Token(NewEc(), "anna", 3600);
  ASSERT_TRUE(Ask(*jwt, of_old).ok());
  EXPECT_FALSE(Ask(*jwt, of_new).ok());
  jwt->Replace(KeysOf({&Ec(), &NewEc()}));
  EXPECT_EQ(jwt->cached_tokens(), 0u);
  EXPECT_TRUE(Ask(*jwt, of_old).ok());
  EXPECT_TRUE(Ask(*jwt, of_new).ok());
  jwt->Replace(KeysOf({&NewEc()}));
  EXPECT_FALSE(Ask(*jwt, of_old).ok()) << "it is not remembered";
  EXPECT_TRUE(Ask(*jwt, of_new).ok());
}

// Does something at one of the times that it is asked for.
class InterruptingClock : public testing::FakeClock {
 public:
  WallTime WallNow() const override {
    if (--calls_until_ == 0) interrupt_();
    return FakeClock::WallNow();
  }
  void InterruptAt(int call, std::function<void()> interrupt) {
    calls_until_ = call;
    interrupt_ = std::move(interrupt);
  }

 private:
  mutable int calls_until_ = 0;
  std::function<void()> interrupt_;
};

TEST(JwtAuthenticatorRaceTest, WhatWasCheckedWithOldKeysIsNotRemembered) {
  InterruptingClock clock;
  auto jwt = JwtAuthenticator::Make({}, KeysOf({&Ec()}), &clock).ValueOrDie();
  const std::string token = Token(Ec(), "anna", 3600);
  const FakeCallContext call{{"authorization", "Bearer " + token}};
  bool replaced = false;
  // The second time is for the claims: the signature has been checked by then.
  clock.InterruptAt(2, [&] {
    jwt->Replace(KeysOf({&NewEc()}));
    replaced = true;
  });
  EXPECT_TRUE(jwt->Authenticate(call).ok()) << "it came before";
  EXPECT_TRUE(replaced);
  EXPECT_EQ(jwt->cached_tokens(), 0u);
  EXPECT_FALSE(jwt->Authenticate(call).ok());
}

TEST_F(JwtAuthenticatorTest, IsAskedWhileItsKeysAreReplaced) {
  auto jwt = Make();
  const auto both = KeysOf({&Ec(), &NewEc()});
  const auto only_new = KeysOf({&NewEc()});
  const std::string of_old = Token(Ec(), "old", 3600);
  const std::string of_new = Token(NewEc(), "new", 3600);
  jwt->Replace(both);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto known = Ask(*jwt, of_new);
        if (!known.ok() || (*known)->name != "new") ++wrong;
        const auto old = Ask(*jwt, of_old);
        if (old.ok() && (*old)->name != "old") ++wrong;
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    jwt->Replace(both);
    jwt->Replace(only_new);
    // Whoever began with the old keys must not bring its result back.
    if (Ask(*jwt, of_old).ok()) ++wrong;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(Ask(*jwt, of_old).ok());
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace longbow::access
