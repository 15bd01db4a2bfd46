#include "access/jwt_claims.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "access/identity.h"

namespace longbow::access {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kNow = 1767225600;

WallTime Now() { return WallTime(std::chrono::seconds(kNow)); }

JwtClaimRules NoSkew() {
  JwtClaimRules rules;
  rules.clock_skew_sec = 0;
  return rules;
}

std::string At(int64_t offset) { return std::to_string(kNow + offset); }

// Claims that are good for a minute, and more members.
std::string Claims(const std::string& more) {
  return R"({"exp":)" + At(60) + (more.empty() ? "" : ",") + more + "}";
}

std::vector<std::string> IdentitiesIn(const std::string& more, const JwtClaimRules& rules = {}) {
  const auto verified = CheckClaims(rules, Claims(more), Now());
  EXPECT_TRUE(verified.ok()) << more << verified.status().ToString();
  return verified.ok() ? verified->principal->identities : std::vector<std::string>();
}

struct Time {
  int64_t skew_sec;
  std::string members;
  bool good;
};

TEST(JwtClaims, TimesAreChecked) {
  const std::vector<Time> table = {
      {0, R"("exp":)" + At(1), true},
      {0, R"("exp":)" + At(0), false},
      {0, R"("exp":)" + At(-1), false},
      {1, R"("exp":)" + At(-1), false},
      {2, R"("exp":)" + At(-1), true},
      {30, R"("exp":)" + At(-29), true},
      {30, R"("exp":)" + At(-30), false},
      {0, R"("exp":)" + At(0) + ".5", true},
      {0, R"("exp":)" + At(-1) + ".5", false},
      {0, R"("exp":1.7672256005e9)", true},
      {0, R"("exp":0)", false},
      {0, R"("exp":-1)", false},
      {3600, R"("exp":-9223372036854775808)", false},
      {3600, R"("exp":9223372036854775807)", true},
      {3600, R"("exp":18446744073709551615)", true},
      {3600, R"("exp":1e308)", true},
      {3600, R"("exp":-1e308)", false},
      {0, R"("exp":1e400)", false},
      {0, R"("exp":NaN)", false},
      {0, R"("exp":Infinity)", false},
      {0, R"("exp":")" + At(60) + "\"", false},
      {0, R"("exp":true)", false},
      {0, R"("exp":null)", false},
      {0, R"("exp":[)" + At(60) + "]", false},
      {0, R"("exp":{})", false},
      {0, R"("exp":"never")", false},
      {0, R"("iat":1)", false},
      {0, R"("Exp":)" + At(60), false},
      {0, R"("exp":)" + At(60) + R"(,"nbf":)" + At(0), true},
      {0, R"("exp":)" + At(60) + R"(,"nbf":)" + At(1), false},
      {1, R"("exp":)" + At(60) + R"(,"nbf":)" + At(1), true},
      {1, R"("exp":)" + At(60) + R"(,"nbf":)" + At(2), false},
      {0, R"("exp":)" + At(60) + R"(,"nbf":1e308)", false},
      {0, R"("exp":)" + At(60) + R"(,"nbf":"0")", false},
      {0, R"("exp":)" + At(60) + R"(,"nbf":null)", false},
      {0, R"("exp":)" + At(60) + R"(,"iat":)" + At(-1000), true},
      {0, R"("exp":)" + At(60) + R"(,"iat":)" + At(1), false},
      {1, R"("exp":)" + At(60) + R"(,"iat":)" + At(1), true},
      {0, R"("exp":)" + At(60) + R"(,"iat":"now")", false},
  };
  for (const Time& row : table) {
    JwtClaimRules rules;
    rules.clock_skew_sec = row.skew_sec;
    const auto verified = CheckClaims(rules, R"({"sub":"anna",)" + row.members + "}", Now());
    EXPECT_EQ(verified.ok(), row.good) << row.members << " with " << row.skew_sec << " s";
    if (!row.good) {
      EXPECT_EQ(ErrorCodeOf(verified.status()), ErrorCode::kUnauthenticated);
    }
  }
}

TEST(JwtClaims, TheEndIsThatOfTheTokenAndTheSkew) {
  JwtClaimRules rules;
  rules.clock_skew_sec = 10;
  const auto verified = CheckClaims(rules, Claims(R"("sub":"anna")"), Now()).ValueOrDie();
  EXPECT_EQ(verified.end_sec, static_cast<double>(kNow + 70));
  rules.require_exp = false;
  const auto endless = CheckClaims(rules, R"({"sub":"anna"})", Now()).ValueOrDie();
  EXPECT_EQ(endless.end_sec, std::nullopt);
  EXPECT_FALSE(CheckClaims(rules, R"({"sub":"anna","exp":1})", Now()).ok())
      << "if there, it counts";
  EXPECT_FALSE(CheckClaims(rules, R"({"sub":"anna","exp":"1"})", Now()).ok());
}

TEST(JwtClaims, IssuerAndAudienceAreChecked) {
  JwtClaimRules rules;
  rules.issuers = {"https://a.example", "https://b.example"};
  rules.audiences = {"longbow", "other"};
  const std::vector<std::pair<std::string, bool>> table = {
      {R"("iss":"https://a.example","aud":"longbow")", true},
      {R"("iss":"https://b.example","aud":["x","other"])", true},
      {R"("aud":"longbow")", false},
      {R"("iss":"https://a.example")", false},
      {R"("iss":"https://a.example/","aud":"longbow")", false},
      {R"("iss":"HTTPS://A.EXAMPLE","aud":"longbow")", false},
      {R"("iss":"","aud":"longbow")", false},
      {R"("iss":null,"aud":"longbow")", false},
      {R"("iss":["https://a.example"],"aud":"longbow")", false},
      {R"("iss":"https://a.example","aud":"longbow2")", false},
      {R"("iss":"https://a.example","aud":"long")", false},
      {R"("iss":"https://a.example","aud":[])", false},
      {R"("iss":"https://a.example","aud":["x"])", false},
      {R"("iss":"https://a.example","aud":["longbow",7])", false},
      {R"("iss":"https://a.example","aud":[["longbow"]])", false},
      {R"("iss":"https://a.example","aud":{"longbow":1})", false},
      {R"("iss":"https://a.example","aud":null)", false},
      {R"("iss":"https://a.example","aud":true)", false},
  };
  for (const auto& [members, good] : table) {
    const auto verified = CheckClaims(rules, Claims(R"("sub":"anna",)" + members), Now());
    EXPECT_EQ(verified.ok(), good) << members;
    if (!good) {
      EXPECT_EQ(ErrorCodeOf(verified.status()), ErrorCode::kUnauthenticated);
    }
  }
  EXPECT_TRUE(CheckClaims({}, Claims(R"("sub":"anna","aud":7)"), Now()).ok()) << "nobody asked";
}

TEST(JwtClaims, ThePrincipalHasAName) {
  const std::string longest(kMaxNameBytes, 's');
  EXPECT_TRUE(CheckClaims({}, Claims(R"("sub":")" + longest + "\""), Now()).ok());
  for (const std::string& sub :
       {std::string(R"("sub":"")"), std::string(R"("sub":7)"), std::string(R"("sub":null)"),
        std::string(R"("sub":["anna"])"), std::string(R"("Sub":"anna")"), std::string(),
        std::string(R"("sub":"a\nb")"), std::string(R"("sub":"a\u0000")"),
        std::string(R"("sub":"\u007f")"), std::string(R"("sub":"\u0085")"),
        R"("sub":")" + longest + "s\"", std::string("\"sub\":\"\xff\"")}) {
    const arrow::Status status = CheckClaims({}, Claims(sub), Now()).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated) << sub;
    EXPECT_THAT(status.message(), Not(HasSubstr("sss")));
  }
  JwtClaimRules rules;
  rules.principal_claim = "profile.login";
  const auto verified =
      CheckClaims(rules, Claims(R"("sub":"42","profile":{"login":"anna"})"), Now()).ValueOrDie();
  EXPECT_EQ(verified.principal->name, "anna");
  EXPECT_THAT(verified.principal->identities,
              ElementsAre("claim:sub=42", "claim:profile.login=anna"));
}

TEST(JwtClaims, BecomeIdentities) {
  EXPECT_THAT(IdentitiesIn(R"("sub":"gr\u00fc\u00df")"),
              ElementsAre("claim:sub=gr\xc3\xbc\xc3\x9f"));
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","groups":["x","y"],"roles":"admin","other":"z")"),
              ElementsAre("claim:sub=a", "claim:groups=x", "claim:groups=y", "claim:roles=admin"));
  EXPECT_THAT(
      IdentitiesIn(R"("sub":"a","scope":" read  write ","azp":"cli ent")"),
      ElementsAre("claim:sub=a", "claim:scope=read", "claim:scope=write", "claim:azp=cli ent"));
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","scope":["r w"],"groups":[1,null,{"x":1},["z"],"g"])"),
              ElementsAre("claim:sub=a", "claim:scope=r w", "claim:groups=g"));
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","groups":["","a\nb","\u0000","g"],"roles":7,"azp":{})"),
              ElementsAre("claim:sub=a", "claim:groups=g"));
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","groups":[")" + std::string(2000, 'g') + R"(","h"])"),
              ElementsAre("claim:sub=a", "claim:groups=h"));
}

TEST(JwtClaims, NamesWithDotsGoIntoObjects) {
  JwtClaimRules rules;
  rules.claims = {"realm_access.roles", "https://example.com/roles", "a.b.c"};
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","realm_access":{"roles":["x"]},"a":{"b":{"c":"d"}},)"
                           R"("https://example.com/roles":["y"])",
                           rules),
              ElementsAre("claim:sub=a", "claim:realm_access.roles=x",
                          "claim:https://example.com/roles=y", "claim:a.b.c=d"));
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","realm_access":["roles"],"a":{"b":7})", rules),
              ElementsAre("claim:sub=a"));
  EXPECT_THAT(IdentitiesIn(R"("sub":"a","a.b.c":"whole","a":{"b":{"c":"parts"}})", rules),
              ElementsAre("claim:sub=a", "claim:a.b.c=whole"));
}

TEST(JwtClaims, AnEmailThatIsNotVerifiedIsNone) {
  const std::string email = R"("sub":"a","email":"anna@example.com")";
  EXPECT_EQ(IdentitiesIn(email).size(), 2u);
  EXPECT_EQ(IdentitiesIn(email + R"(,"email_verified":true)").size(), 2u);
  EXPECT_EQ(IdentitiesIn(email + R"(,"email_verified":"true")").size(), 2u);
  for (const char* verified : {"false", "\"false\"", "null", "0", "1", "\"\""}) {
    EXPECT_EQ(IdentitiesIn(email + R"(,"email_verified":)" + verified).size(), 1u) << verified;
  }
  JwtClaimRules rules;
  rules.principal_claim = "email";
  EXPECT_TRUE(CheckClaims(rules, Claims(email), Now()).ok());
  EXPECT_FALSE(CheckClaims(rules, Claims(email + R"(,"email_verified":false)"), Now()).ok());
}

TEST(JwtClaims, HaveALimit) {
  const auto groups = [](size_t count) {
    std::string text = R"("sub":"a","groups":["g")";
    for (size_t i = 1; i < count; ++i) text += ",\"g\"";
    return text + "]";
  };
  EXPECT_EQ(IdentitiesIn(groups(kMaxIdentities - 1)).size(), kMaxIdentities);
  EXPECT_EQ(ErrorCodeOf(CheckClaims({}, Claims(groups(kMaxIdentities)), Now()).status()),
            ErrorCode::kUnauthenticated);
}

TEST(JwtClaims, RefuseWhatIsNoObject) {
  std::string deep = "1";
  for (int i = 0; i < 5000; ++i) deep = "[" + deep + "]";
  const std::string good = Claims(R"("sub":"SECRET")");
  std::string open(10000, '[');
  for (const std::string& json :
       {std::string(), std::string("null"), std::string("[]"), std::string("\"SECRET\""),
        std::string("7"), good + "x", good + good, "[" + good + "]", good.substr(1), open,
        "{\"a\":" + deep + "," + good.substr(1), good + std::string(1, '\0'),
        Claims(R"("sub":"SECRET","sub":"other")"), Claims(R"("sub":"a","exp":9999999999)"),
        Claims(R"("sub":"a","x":{"SECRET":1,"SECRET":2})"), Claims("\"sub\":\"SECRET\xff\""),
        std::string("\xef\xbb\xbf{")}) {
    const arrow::Status status = CheckClaims({}, json, Now()).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated) << json.substr(0, 100);
    EXPECT_THAT(status.ToString(), Not(HasSubstr("SECRET")));
  }
}

TEST(JwtClaims, RulesAreChecked) {
  EXPECT_TRUE(CheckClaimRules({}).ok());
  EXPECT_TRUE(CheckClaimRules(NoSkew()).ok());
  const auto bad = [](auto change) {
    JwtClaimRules rules;
    change(&rules);
    return ErrorCodeOf(CheckClaimRules(rules)) == ErrorCode::kBadArgument;
  };
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->clock_skew_sec = -1; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->clock_skew_sec = kMaxClockSkewSec + 1; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->issuers = {""}; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->audiences = {"a", ""}; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->principal_claim = ""; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->principal_claim = "a=b"; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->claims = {"a*"}; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->claims = {"a\n"}; }));
  EXPECT_TRUE(bad([](JwtClaimRules* r) { r->claims.assign(65, "a"); }));
}

}  // namespace
}  // namespace longbow::access
