// Which keys are taken, and which are refused.

#include "access/jwt_key.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "access/jwt_keys.h"
#include "access/jwt_test_key.h"

namespace longbow::access {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = JwtKeySource::Kind;

const std::string kSecretText = "an-hmac-secret-of-at-least-32-bytes!";

const JwtTestKey& Rsa() {
  static const JwtTestKey key = JwtTestKey::Rsa(2048);
  return key;
}
const JwtTestKey& Ec() {
  static const JwtTestKey key = JwtTestKey::Ec("P-256");
  return key;
}

std::string Jwks(const std::string& members) { return R"({"keys":[{)" + members + "}]}"; }

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(JwtKey, ReadsEachFormOfPem) {
  const std::string token = Rsa().Sign(R"({"alg":"RS256"})", "{}");
  for (const std::string& pem : {Rsa().public_pem(), Rsa().pkcs1_pem(), Rsa().certificate_pem(),
                                 "a comment\n" + Rsa().public_pem() + "\nanother\n"}) {
    const auto keys = JwtKeys::Make({{Kind::kPem, "key.pem", pem}});
    ASSERT_TRUE(keys.ok()) << keys.status().ToString();
    EXPECT_TRUE((*keys)->Verify(token).ok());
  }
  const auto ec = JwtKeys::Make({{Kind::kPem, "ec.pem", Ec().certificate_pem()}}).ValueOrDie();
  EXPECT_TRUE(ec->Verify(Ec().Sign(R"({"alg":"ES256"})", "{}")).ok());
  const JwtTestKey small = JwtTestKey::Rsa(2048, 3);
  const auto keys = JwtKeys::Make({{Kind::kPem, "small.pem", small.public_pem()}}).ValueOrDie();
  EXPECT_TRUE(keys->Verify(small.Sign(R"({"alg":"RS256"})", "{}")).ok());
}

struct BadSource {
  Kind kind;
  std::string text;
  const char* told;
};

void ExpectRefused(const std::vector<BadSource>& table) {
  for (const BadSource& row : table) {
    const arrow::Status status = JwtKeys::Make({{row.kind, "the-file", row.text}}).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << row.told;
    EXPECT_THAT(status.message(), HasSubstr(row.told));
    EXPECT_THAT(status.message(), HasSubstr("the-file"));
    EXPECT_THAT(status.message(), Not(HasSubstr("SECRET")));
    EXPECT_LE(status.message().size(), 256u) << status.message();
  }
}

TEST(JwtKey, RefusesPemThatIsNoGoodPublicKey) {
  ExpectRefused({
      {Kind::kPem, "", "no PEM text"},
      {Kind::kPem, "SECRET", "no PEM text"},
      {Kind::kPem, std::string("\0\xff\x01", 3), "no PEM text"},
      {Kind::kPem, std::string(65 * 1024, 'x'), "longer than"},
      {Kind::kPem, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "can be read"},
      {Kind::kPem, Replace(Rsa().public_pem(), "BEGIN PUBLIC", "BEGIN SECRET"), "no PEM text"},
      {Kind::kPem, Rsa().public_pem().substr(0, 200), "no PEM text"},
      {Kind::kPem, Rsa().private_pem(), "private key"},
      {Kind::kPem, Ec().private_pem(), "private key"},
      {Kind::kPem, Rsa().public_pem() + Ec().public_pem(), "more than one"},
      {Kind::kPem, Rsa().certificate_pem() + Rsa().certificate_pem(), "more than one"},
      {Kind::kPem, Rsa().public_pem() + Rsa().private_pem(), "more than one"},
      {Kind::kPem, JwtTestKey::Rsa(1024).public_pem(), "1024 bits"},
      {Kind::kPem, JwtTestKey::Rsa(2040).public_pem(), "2040 bits"},
      {Kind::kPem, JwtTestKey::Ec("P-384").public_pem(), "P-256"},
      {Kind::kPem, JwtTestKey::Ec("secp256k1").public_pem(), "P-256"},
      {Kind::kPem, JwtTestKey::Ed25519().public_pem(), "another type"},
      {Kind::kPem, JwtTestKey::RsaPss().public_pem(), "another type"},
  });
}

TEST(JwtKey, RefusesSecretsThatAreNone) {
  ExpectRefused({
      {Kind::kSecret, "", "0 bytes"},
      {Kind::kSecret, "SECRET-of-only-31-bytes-aaaaaaa", "31 bytes"},
      {Kind::kSecret, Rsa().public_pem(), "PEM"},
      {Kind::kSecret, "\n  " + Rsa().certificate_pem(), "PEM"},
      {Kind::kSecret, Jwks(Rsa().jwk()), "JSON"},
  });
  std::string bytes(32, '\0');
  const auto keys = JwtKeys::Make({{Kind::kSecret, "zeros", bytes}});
  EXPECT_TRUE(keys.ok()) << "any bytes will do";
}

TEST(JwtKey, RefusesKeySetsThatAreNone) {
  const std::string ec = Ec().jwk();
  const std::string rsa = Rsa().jwk();
  const std::string short_secret = JwtTestKey::Secret("SECRET-of-only-31-bytes-aaaaaaa").jwk();
  ExpectRefused({
      {Kind::kJwks, "", "valid JSON"},
      {Kind::kJwks, "SECRET", "valid JSON"},
      {Kind::kJwks, R"({"keys":[],"keys":[]})", "twice"},
      {Kind::kJwks, R"({"keys":[{"kty":"oct","k":"SECRET","k":"SECRET"}]})", "twice"},
      {Kind::kJwks, "[]", "no JWKS"},
      {Kind::kJwks, "{" + rsa + "}", "no JWKS"},
      {Kind::kJwks, R"({"keys":{}})", "no JWKS"},
      {Kind::kJwks, R"({"keys":["SECRET"]})", "no JSON object"},
      {Kind::kJwks, std::string(JwtKeys::kMaxJwksBytes + 1, ' '), "longer than"},
      {Kind::kJwks, Jwks(R"("k":"SECRET")"), "no 'kty'"},
      {Kind::kJwks, Jwks(R"("kty":"oct")"), "'k'"},
      {Kind::kJwks, Jwks(R"("kty":"oct","k":7)"), "'k'"},
      {Kind::kJwks, Jwks(R"("kty":"oct","k":"SECRET==")"), "base64url"},
      {Kind::kJwks, Jwks(R"("kty":"oct","k":"S E")"), "base64url"},
      {Kind::kJwks, Jwks(R"("kty":"oct","k":"S===")"), "base64url"},
      {Kind::kJwks, Jwks(R"("kty":"oct","k":"")"), "base64url"},
      {Kind::kJwks, Jwks(short_secret), "31 bytes"},
      {Kind::kJwks, Jwks(R"("kty":"RSA","e":"AQAB")"), "'n'"},
      {Kind::kJwks, Jwks(R"("kty":"RSA","n":"AQAB")"), "'e'"},
      {Kind::kJwks, Jwks(R"("kty":"RSA","n":"AQAB","e":"AQAB")"), "17 bits"},
      {Kind::kJwks, Jwks(JwtTestKey::Rsa(1024).jwk()), "1024 bits"},
      {Kind::kJwks, Jwks(rsa + R"(,"d":"AQAB")"), "private key"},
      {Kind::kJwks, Jwks(ec + R"(,"d":"AQAB")"), "private key"},
      {Kind::kJwks, Jwks(Replace(rsa, R"("e":"AQAB")", R"("e":"AQ")")), "exponent"},
      {Kind::kJwks, Jwks(Replace(rsa, R"("e":"AQAB")", R"("e":"AAAA")")), "exponent"},
      {Kind::kJwks, Jwks(Replace(rsa, R"("e":"AQAB")", R"("e":"AQAA")")), "exponent"},
      {Kind::kJwks, Jwks(Replace(rsa, R"("e":"AQAB")", R"("e":"AQEBAQEBAQEB")")), "exponent"},
      {Kind::kJwks, Jwks(Replace(ec, R"("x":")", R"("x":"AA)")), "'x'"},
      {Kind::kJwks, Jwks(R"("kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB")"), "32 bytes"},
      {Kind::kJwks, Jwks(R"("kty":"EC","crv":"P-256","x":"AQAB")"), "'y'"},
      {Kind::kJwks,
       Jwks(R"("kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
            R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")"),
       "no key"},
      {Kind::kJwks, Jwks(rsa + R"(,"kid":7)"), "'kid'"},
      {Kind::kJwks, Jwks(rsa + R"(,"kid":")" + std::string(300, 'k') + "\""), "'kid'"},
      {Kind::kJwks, Jwks(rsa + R"(,"use":7)"), "'use'"},
      {Kind::kJwks, Jwks(rsa + R"(,"alg":7)"), "'alg'"},
      {Kind::kJwks, Jwks(rsa + R"(,"key_ops":"verify")"), "'key_ops'"},
      {Kind::kJwks, Jwks(rsa + R"(,"key_ops":[1])"), "'key_ops'"},
  });
}

TEST(JwtKey, LeavesOutKeysForSomethingElse) {
  const std::string rsa = Rsa().jwk();
  const std::vector<std::pair<std::string, const char*>> table = {
      {rsa + R"(,"use":"enc")", "'use'"},
      {rsa + R"(,"use":"")", "'use'"},
      {rsa + R"(,"key_ops":["encrypt"])", "'key_ops'"},
      {rsa + R"(,"key_ops":["sign"])", "'key_ops'"},
      {rsa + R"(,"key_ops":[])", "'key_ops'"},
      {rsa + R"(,"alg":"RS512")", "'alg'"},
      {rsa + R"(,"alg":"PS256")", "'alg'"},
      {rsa + R"(,"alg":"HS256")", "'alg'"},
      {rsa + R"(,"alg":"none")", "'alg'"},
      {Ec().jwk() + R"(,"alg":"RS256")", "'alg'"},
      {JwtTestKey::Secret(kSecretText).jwk() + R"(,"alg":"HS512")", "'alg'"},
      {JwtTestKey::Ec("P-384").jwk(), "curve"},
      {R"("kty":"OKP","crv":"Ed25519","x":"AQAB")", "type"},
      {R"("kty":"rsa")", "type"},
  };
  for (const auto& [members, why] : table) {
    const auto alone = JwtKeys::Make({{Kind::kJwks, "jwks.json", Jwks(members)}});
    ASSERT_EQ(ErrorCodeOf(alone.status()), ErrorCode::kBadArgument) << members;
    EXPECT_THAT(alone.status().message(), HasSubstr(why));
    const std::string both = R"({"keys":[{)" + members + "},{" + rsa + R"(,"use":"sig"}]})";
    const auto keys = JwtKeys::Make({{Kind::kJwks, "jwks.json", both}}).ValueOrDie();
    EXPECT_EQ(keys->size(), 1u);
    ASSERT_EQ(keys->skipped().size(), 1u);
    EXPECT_THAT(keys->skipped()[0], HasSubstr("1 of 'jwks.json'"));
  }
}

TEST(JwtKey, TakesKeysThatSayThatTheyVerify) {
  const std::string token = Rsa().Sign(R"({"alg":"RS256"})", "{}");
  for (const char* more : {"", R"(,"use":"sig")", R"(,"alg":"RS256")",
                           R"(,"key_ops":["sign","verify"])", R"(,"x5c":["whatever"],"x":{})"}) {
    const auto keys = JwtKeys::Make({{Kind::kJwks, "jwks.json", Jwks(Rsa().jwk() + more)}});
    ASSERT_TRUE(keys.ok()) << keys.status().ToString();
    EXPECT_TRUE((*keys)->Verify(token).ok()) << more;
  }
}

TEST(JwtKey, ThereIsALimit) {
  std::string many = R"({"keys":[)";
  for (size_t i = 0; i <= JwtKeys::kMaxKeys; ++i) many += (i > 0 ? ",{" : "{") + Ec().jwk() + "}";
  ExpectRefused({{Kind::kJwks, many + "]}", "too many"}});
  std::vector<JwtKeySource> sources(JwtKeys::kMaxKeys + 1, {Kind::kSecret, "s", kSecretText});
  EXPECT_EQ(ErrorCodeOf(JwtKeys::Make(sources).status()), ErrorCode::kBadArgument);
  sources.pop_back();
  EXPECT_TRUE(JwtKeys::Make(sources).ok());
  EXPECT_EQ(ErrorCodeOf(JwtKeys::Make({}).status()), ErrorCode::kBadArgument);
}

TEST(JwtKey, Base64UrlIsStrict) {
  EXPECT_EQ(DecodeBase64Url(""), "");
  EXPECT_EQ(DecodeBase64Url("AA"), std::string(1, '\0'));
  EXPECT_EQ(DecodeBase64Url("-_-_"), "\xfb\xff\xbf");
  EXPECT_EQ(DecodeBase64Url("YWI"), "ab");
  for (const char* bad :
       {"A", "AB", "YWJ", "AA==", "AA=", "A===", "+/+/", "A A", "AAAAA", "=", "AA\n", "\xff\xff"}) {
    EXPECT_EQ(DecodeBase64Url(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace longbow::access
