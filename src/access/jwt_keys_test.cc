#include "access/jwt_keys.h"

#include <string>
#include <utility>
#include <vector>

#include <cjose/header.h>
#include <cjose/jwk.h>
#include <cjose/jws.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <longbow/error.h>

#include "access/jwt_key.h"
#include "access/jwt_test_key.h"

namespace longbow::access {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = JwtKeySource::Kind;

const std::string kClaims = R"({"sub":"anna"})";
const std::string kSecretText = "an-hmac-secret-of-at-least-32-bytes!";

const JwtTestKey& Rsa() {
  static const JwtTestKey key = JwtTestKey::Rsa(2048);
  return key;
}
const JwtTestKey& OtherRsa() {
  static const JwtTestKey key = JwtTestKey::Rsa(2048);
  return key;
}
const JwtTestKey& Ec() {
  static const JwtTestKey key = JwtTestKey::Ec("P-256");
  return key;
}
const JwtTestKey& Secret() {
  static const JwtTestKey key = JwtTestKey::Secret(kSecretText);
  return key;
}

std::shared_ptr<const JwtKeys> Keys(const std::vector<JwtKeySource>& sources) {
  auto made = JwtKeys::Make(sources);
  EXPECT_TRUE(made.ok()) << made.status().ToString();
  return *made;
}

std::shared_ptr<const JwtKeys> AllKeys() {
  return Keys({{Kind::kPem, "rsa.pem", Rsa().public_pem()},
               {Kind::kPem, "ec.pem", Ec().public_pem()},
               {Kind::kSecret, "secret", kSecretText}});
}

std::string Jwks(const std::vector<std::string>& members) {
  std::string text;
  for (const std::string& member : members) text += (text.empty() ? "{" : ",{") + member + "}";
  return R"({"keys":[)" + text + "]}";
}

std::shared_ptr<const JwtKeys> JwksKeys(const std::vector<std::string>& members) {
  return Keys({{Kind::kJwks, "jwks.json", Jwks(members)}});
}

std::string Header(const std::string& alg) { return R"({"alg":")" + alg + R"("})"; }
std::string Header(const std::string& alg, const std::string& kid) {
  return R"({"alg":")" + alg + R"(","kid":")" + kid + R"("})";
}

TEST(JwtKeys, VerifyEachAlgorithm) {
  const auto keys = AllKeys();
  EXPECT_EQ(keys->size(), 3u);
  EXPECT_EQ(keys->Verify(Rsa().Sign(Header("RS256"), kClaims)).ValueOrDie(), kClaims);
  EXPECT_EQ(keys->Verify(Ec().Sign(Header("ES256"), kClaims)).ValueOrDie(), kClaims);
  EXPECT_EQ(keys->Verify(Secret().Sign(Header("HS256"), kClaims)).ValueOrDie(), kClaims);
  EXPECT_EQ(keys->Verify(Secret().Sign(Header("HS256"), "{}")).ValueOrDie(), "{}");
}

TEST(JwtKeys, VerifyWhatTheLibraryItselfSigns) {
  cjose_err error;
  cjose_jwk_t* jwk = cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t*>(kSecretText.data()),
                                               kSecretText.size(), &error);
  cjose_header_t* header = cjose_header_new(&error);
  ASSERT_TRUE(cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_HS256, &error));
  cjose_jws_t* jws = cjose_jws_sign(jwk, header, reinterpret_cast<const uint8_t*>(kClaims.data()),
                                    kClaims.size(), &error);
  const char* token = nullptr;
  ASSERT_TRUE(cjose_jws_export(jws, &token, &error));
  EXPECT_EQ(AllKeys()->Verify(token).ValueOrDie(), kClaims);
  cjose_jws_release(jws);
  cjose_header_release(header);
  cjose_jwk_release(jwk);
}

TEST(JwtKeys, RefuseOtherKeys) {
  const auto keys = AllKeys();
  const JwtTestKey other_ec = JwtTestKey::Ec("P-256");
  const JwtTestKey other_secret = JwtTestKey::Secret(kSecretText + "!");
  for (const std::string& token :
       {OtherRsa().Sign(Header("RS256"), kClaims), other_ec.Sign(Header("ES256"), kClaims),
        other_secret.Sign(Header("HS256"), kClaims)}) {
    EXPECT_EQ(ErrorCodeOf(keys->Verify(token).status()), ErrorCode::kUnauthenticated);
  }
}

TEST(JwtKeys, RefuseEveryOtherAlgorithm) {
  const auto keys = AllKeys();
  for (const char* alg :
       {"none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS384", "RS512", "PS256", "ES384",
        "ES512", "EdDSA", "hs256", "RS256 ", " RS256", "RSA-OAEP", "dir", "RS256\\u0000"}) {
    const std::string input = EncodeBase64Url(Header(alg)) + "." + EncodeBase64Url(kClaims) + ".";
    for (const std::string& signature : {std::string(), std::string("AAAA"), Rsa().Signature(input),
                                         Secret().Signature(input), Ec().Signature(input)}) {
      EXPECT_EQ(ErrorCodeOf(keys->Verify(input + signature).status()), ErrorCode::kUnauthenticated)
          << alg;
    }
    EXPECT_FALSE(keys->Verify(Rsa().Sign(Header(alg), kClaims)).ok()) << alg;
    EXPECT_FALSE(keys->Verify(Secret().Sign(Header(alg), kClaims)).ok()) << alg;
  }
  for (const char* header :
       {R"({"typ":"JWT"})", R"({"alg":null})", R"({"alg":["HS256"]})", R"({"alg":{"a":"HS256"}})",
        R"({"alg":256})", R"(["HS256"])", R"("HS256")", "HS256", "", "null", "{",
        R"({"alg":"HS256"}x)", R"({"Alg":"HS256"})"}) {
    EXPECT_FALSE(keys->Verify(Secret().Sign(header, kClaims)).ok()) << header;
  }
}

// Who knows a public key must not be able to use it as the secret of HS256, in whatever form.
TEST(JwtKeys, AKeyOfOneTypeVerifiesNothingElse) {
  const auto keys = Keys(
      {{Kind::kPem, "rsa.pem", Rsa().public_pem()}, {Kind::kPem, "ec.pem", Ec().public_pem()}});
  std::string trimmed = Rsa().public_pem();
  trimmed.pop_back();
  for (const std::string& text : {Rsa().public_pem(), trimmed, Rsa().pkcs1_pem(), Ec().public_pem(),
                                  Rsa().jwk(), std::string(" ")}) {
    const JwtTestKey forged = JwtTestKey::Secret(text);
    EXPECT_FALSE(keys->Verify(forged.Sign(Header("HS256"), kClaims)).ok());
    EXPECT_FALSE(keys->Verify(forged.Sign(Header("RS256"), kClaims)).ok());
    EXPECT_FALSE(keys->Verify(forged.Sign(Header("ES256"), kClaims)).ok());
  }
  EXPECT_FALSE(keys->Verify(Rsa().Sign(Header("ES256"), kClaims)).ok());
  EXPECT_FALSE(keys->Verify(Rsa().Sign(Header("HS256"), kClaims)).ok());
  EXPECT_FALSE(keys->Verify(Ec().Sign(Header("RS256"), kClaims)).ok());
  // Not even by the name of a key of another type.
  const auto named = JwksKeys({Rsa().jwk() + R"(,"kid":"a")", Secret().jwk() + R"(,"kid":"b")"});
  EXPECT_TRUE(named->Verify(Secret().Sign(Header("HS256", "b"), kClaims)).ok());
  EXPECT_FALSE(named->Verify(Secret().Sign(Header("HS256", "a"), kClaims)).ok());
  EXPECT_FALSE(named->Verify(Rsa().Sign(Header("RS256", "b"), kClaims)).ok());
}

TEST(JwtKeys, RefuseWhatIsNoCompactForm) {
  const auto keys = AllKeys();
  const std::string good = Secret().Sign(Header("HS256"), kClaims);
  const std::string head = good.substr(0, good.rfind('.'));
  const size_t dot = good.find('.');
  std::string noncanonical = EncodeBase64Url(Header("HS256") + " ");
  ASSERT_NE(noncanonical.size() % 4, 0u);
  noncanonical.back() = static_cast<char>(noncanonical.back() + 1);
  noncanonical += "." + EncodeBase64Url(kClaims);
  const std::vector<std::string> table = {
      "",
      ".",
      "..",
      "...",
      "a",
      "a.b",
      "a.b.c",
      "A===.e30.AAAA",
      "AA==.e30.AAAA",
      "A.A.A",
      head,
      head + ".",
      "." + head,
      good + ".",
      good + ".AAAA",
      good + "=",
      good + "==",
      good + " ",
      " " + good,
      good + "\n",
      good + std::string(1, '\0'),
      std::string(1, '\0') + good,
      good.substr(0, dot) + "=" + good.substr(dot),
      good.substr(0, dot) + "\n" + good.substr(dot),
      good.substr(0, dot) + "+" + good.substr(dot + 1),
      good.substr(0, dot) + ".." + good.substr(dot + 1),
      "\xef\xbb\xbf" + good,
      "\xc3\xa9." + head,
      "\xff\xfe\x80..\x01",
      std::string(JwtKeys::kMaxTokenBytes, '.'),
      std::string(JwtKeys::kMaxTokenBytes, 'A'),
      std::string(1 << 20, 'A'),
      std::string(5000, '.') + good,
      R"({"payload":"e30","protected":"e30","signature":""})",
      noncanonical + "." + Secret().Signature(noncanonical),
  };
  for (const std::string& token : table) {
    const arrow::Status status = keys->Verify(token).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnauthenticated) << token.substr(0, 100);
  }
  EXPECT_TRUE(keys->Verify(good).ok());
}

// cjose's decoder ends at the first '=', and takes what comes before for all there is.
TEST(JwtKeys, RefusePaddingInEachPart) {
  const auto keys = AllKeys();
  const std::string header = EncodeBase64Url(Header("HS256"));
  for (const char* claims : {"e30=", "e30", "A===", "e30=AAAA", "e3=0", "===="}) {
    const std::string input = header + "." + claims;
    const std::string token = input + "." + Secret().Signature(input);
    EXPECT_EQ(keys->Verify(token).ok(), std::string_view(claims) == "e30") << claims;
    EXPECT_FALSE(keys->Verify(token + "=").ok());
    EXPECT_FALSE(keys->Verify(token + "=AAA").ok());
    EXPECT_FALSE(keys->Verify(input + ".A===").ok());
  }
}

TEST(JwtKeys, RefuseSignaturesOfAnotherLengthAndBit) {
  const auto keys = AllKeys();
  for (const std::string& good :
       {Secret().Sign(Header("HS256"), kClaims), Ec().Sign(Header("ES256"), kClaims),
        Rsa().Sign(Header("RS256"), kClaims)}) {
    ASSERT_TRUE(keys->Verify(good).ok());
    const size_t begin = good.rfind('.') + 1;
    for (size_t size = begin; size < good.size(); ++size) {
      EXPECT_FALSE(keys->Verify(good.substr(0, size)).ok()) << size - begin;
    }
    EXPECT_FALSE(keys->Verify(good + "AA").ok());
    EXPECT_FALSE(keys->Verify(good + "AAAA").ok());
    EXPECT_FALSE(keys->Verify(good.substr(0, begin) + std::string(good.size() - begin, 'A')).ok());
    // Of each character of header, claims and signature but the very last.
    for (size_t i = 0; i + 1 < good.size(); i += i < begin ? 1 : 7) {
      if (good[i] == '.') continue;
      std::string changed = good;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(keys->Verify(changed).ok()) << i;
    }
  }
}

TEST(JwtKeys, AnEcdsaSignatureHasOneForm) {
  const auto keys = AllKeys();
  const std::string input = EncodeBase64Url(Header("ES256")) + "." + EncodeBase64Url(kClaims);
  const std::string raw = *DecodeBase64Url(Ec().Signature(input));
  ASSERT_EQ(raw.size(), 64u);
  const auto verify = [&](const std::string& signature) {
    return keys->Verify(input + "." + EncodeBase64Url(signature)).ok();
  };
  EXPECT_TRUE(verify(raw));
  const std::string zero(1, '\0');
  EXPECT_FALSE(verify(zero + raw.substr(0, 32) + zero + raw.substr(32)));
  EXPECT_FALSE(verify(std::string(64, '\0')));
  EXPECT_FALSE(verify(raw.substr(32) + raw.substr(0, 32)));
}

TEST(JwtKeys, RefuseHeadersThatDemandMore) {
  const auto keys = AllKeys();
  for (const char* header :
       {R"({"alg":"HS256","crit":["b64"],"b64":false})", R"({"alg":"HS256","crit":[]})",
        R"({"alg":"HS256","crit":null})", R"({"alg":"HS256","alg":"HS256"})",
        R"({"alg":"none","alg":"HS256"})", R"({"alg":"HS256","kid":"a","kid":"b"})",
        R"({"alg":"HS256","kid":7})", R"({"alg":"HS256","kid":null})",
        R"({"alg":"HS256","typ":"logout+jwt"})", R"({"alg":"HS256","typ":"dpop+jwt"})",
        R"({"alg":"HS256","typ":1})", R"({"alg":"HS256","typ":""})"}) {
    EXPECT_EQ(ErrorCodeOf(keys->Verify(Secret().Sign(header, kClaims)).status()),
              ErrorCode::kUnauthenticated)
        << header;
  }
  for (const char* header :
       {R"({"alg":"HS256","typ":"JWT"})", R"({"alg":"HS256","typ":"jwt"})",
        R"({"alg":"HS256","typ":"at+jwt"})", R"({"alg":"HS256","typ":"application/at+JWT"})",
        R"({"alg":"HS256","jku":"https://evil.example","jwk":{"kty":"oct","k":"AA"},"x":[[[]]]})",
        R"( { "alg" : "\u0048S256" } )"}) {
    EXPECT_TRUE(keys->Verify(Secret().Sign(header, kClaims)).ok()) << header;
  }
  std::string deep = "1";
  for (int i = 0; i < 2000; ++i) deep = "[" + deep + "]";
  EXPECT_FALSE(keys->Verify(Secret().Sign(R"({"alg":"HS256","x":)" + deep + "}", kClaims)).ok());
}

TEST(JwtKeys, TheKeysNamePicksIt) {
  const auto keys = JwksKeys({Rsa().jwk() + R"(,"kid":"one")", OtherRsa().jwk() + R"(,"kid":"two")",
                              Ec().jwk() + R"(,"kid":"two")"});
  EXPECT_EQ(keys->size(), 3u);
  EXPECT_TRUE(keys->Verify(Rsa().Sign(Header("RS256", "one"), kClaims)).ok());
  EXPECT_TRUE(keys->Verify(OtherRsa().Sign(Header("RS256", "two"), kClaims)).ok());
  EXPECT_TRUE(keys->Verify(Ec().Sign(Header("ES256", "two"), kClaims)).ok());
  EXPECT_FALSE(keys->Verify(Rsa().Sign(Header("RS256", "two"), kClaims)).ok());
  for (const char* unknown : {"three", "", "ONE", "one ", "../one", "one\\u0000", "' OR 1=1"}) {
    EXPECT_FALSE(keys->Verify(Rsa().Sign(Header("RS256", unknown), kClaims)).ok()) << unknown;
  }
  EXPECT_TRUE(keys->Verify(Rsa().Sign(Header("RS256"), kClaims)).ok()) << "all are tried";
  EXPECT_TRUE(keys->Verify(OtherRsa().Sign(Header("RS256"), kClaims)).ok());
}

TEST(JwtKeys, AKeyWithoutANameMayBeAny) {
  const auto keys =
      Keys({{Kind::kPem, "rsa.pem", Rsa().public_pem()},
            {Kind::kJwks, "jwks.json", Jwks({OtherRsa().jwk() + R"(,"kid":"two")"})}});
  EXPECT_TRUE(keys->Verify(Rsa().Sign(Header("RS256", "whatever"), kClaims)).ok());
  EXPECT_FALSE(keys->Verify(OtherRsa().Sign(Header("RS256", "whatever"), kClaims)).ok());
  EXPECT_FALSE(keys->Verify(Rsa().Sign(Header("RS256", "two"), kClaims)).ok());
}

TEST(JwtKeys, AtMostSixteenAreTried) {
  std::vector<JwtKeySource> sources;
  for (size_t i = 0; i < JwtKeys::kMaxTries; ++i) {
    sources.push_back({Kind::kSecret, "s", kSecretText + std::to_string(i)});
  }
  const JwtTestKey last = JwtTestKey::Secret(kSecretText + "15");
  EXPECT_TRUE(Keys(sources)->Verify(last.Sign(Header("HS256"), kClaims)).ok());
  sources.insert(sources.begin(), {Kind::kSecret, "s", kSecretText + "first"});
  EXPECT_FALSE(Keys(sources)->Verify(last.Sign(Header("HS256"), kClaims)).ok());
}

TEST(JwtKeys, LeaveNoErrorForTls) {
  ERR_clear_error();
  const auto keys = AllKeys();
  EXPECT_FALSE(keys->Verify(OtherRsa().Sign(Header("RS256"), kClaims)).ok());
  EXPECT_FALSE(JwtKeys::Make({{Kind::kPem, "bad", "-----BEGIN PUBLIC KEY-----\nAAAA\n"}}).ok());
  EXPECT_FALSE(
      JwtKeys::Make(
          {{Kind::kJwks, "bad",
            Jwks({R"("kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",)"
                  R"("y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")"})}})
          .ok());
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace longbow::access
