#include "access/jwt_key.h"

#include <algorithm>
#include <utility>

#include <cjose/base64.h>
#include <cjose/jwk.h>
#include <cjose/util.h>
#include <openssl/crypto.h>

#include <longbow/error.h>

#include "access/jwt_key_material.h"

namespace longbow::access {
namespace {

constexpr size_t kSha256Bytes = 32;
constexpr size_t kP256Bytes = 32;
constexpr size_t kMaxKidBytes = 256;
// OpenSSL takes no longer one for large keys.
constexpr size_t kMaxExponentBytes = 8;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

arrow::Status Bad(std::string message) {
  return MakeError(ErrorCode::kBadArgument, std::move(message));
}

uint8_t* Bytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

std::string WithoutLeadingZeros(std::string number) {
  number.erase(0, std::min(number.find_first_not_of('\0'), number.size()));
  return number;
}

bool IsOdd(const std::string& number) {
  return !number.empty() && (static_cast<unsigned char>(number.back()) & 1) != 0;
}

size_t BitsOf(const std::string& number) {
  if (number.empty()) return 0;
  size_t bits = (number.size() - 1) * 8;
  for (auto top = static_cast<unsigned char>(number[0]); top != 0; top >>= 1) ++bits;
  return bits;
}

arrow::Result<JwtKey> Finish(JwtAlgorithm algorithm, size_t signature_bytes, cjose_jwk_t* jwk) {
  if (jwk == nullptr) return Bad("holds numbers that are no key");
  JwtKey key{algorithm, std::nullopt, signature_bytes, nullptr};
  key.jwk.reset(jwk);
  return key;
}

arrow::Result<JwtKey> MakeRsaKey(RsaNumbers numbers) {
  std::string n = WithoutLeadingZeros(std::move(numbers.n));
  std::string e = WithoutLeadingZeros(std::move(numbers.e));
  const size_t bits = BitsOf(n);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return Bad("is an RSA key of " + std::to_string(bits) + " bits; use one of " +
               std::to_string(kMinRsaBits) + " to " + std::to_string(kMaxRsaBits));
  }
  // With the exponent 1 everything is its own signature.
  if (!IsOdd(n) || !IsOdd(e) || BitsOf(e) < 2 || e.size() > kMaxExponentBytes) {
    return Bad(
        "is an RSA key whose numbers cannot be right: its modulus must be odd, its exponent "
        "odd and from 3 to 64 bits; 65537 is usual");
  }
  cjose_jwk_rsa_keyspec spec{};
  spec.n = Bytes(n);
  spec.nlen = n.size();
  spec.e = Bytes(e);
  spec.elen = e.size();
  return Finish(JwtAlgorithm::kRs256, n.size(), cjose_jwk_create_RSA_spec(&spec, nullptr));
}

arrow::Result<JwtKey> MakeEcKey(EcPoint point) {
  if (point.x.size() != kP256Bytes || point.y.size() != kP256Bytes) {
    return Bad("is an EC key whose coordinates have not " + std::to_string(kP256Bytes) + " bytes");
  }
  cjose_jwk_ec_keyspec spec{};
  spec.crv = CJOSE_JWK_EC_P_256;
  spec.x = Bytes(point.x);
  spec.xlen = point.x.size();
  spec.y = Bytes(point.y);
  spec.ylen = point.y.size();
  return Finish(JwtAlgorithm::kEs256, 2 * kP256Bytes, cjose_jwk_create_EC_spec(&spec, nullptr));
}

arrow::Result<JwtKey> MakeSecretKey(std::string_view secret) {
  if (secret.size() < kMinSecretBytes) {
    return Bad("is a secret of " + std::to_string(secret.size()) + " bytes; HS256 needs at least " +
               std::to_string(kMinSecretBytes));
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(secret.data());
  return Finish(JwtAlgorithm::kHs256, kSha256Bytes,
                cjose_jwk_create_oct_spec(bytes, secret.size(), nullptr));
}

// A member that must be there, as base64url.
arrow::Result<std::string> BytesMember(const Value& jwk, std::string_view name) {
  const Value* member = jwk.Find(name);
  if (member == nullptr || !member->is_string()) {
    return Bad("has no text '" + std::string(name) + "'");
  }
  auto bytes = DecodeBase64Url(member->as_string());
  if (!bytes || bytes->empty())
    return Bad("has a '" + std::string(name) + "' that is no base64url");
  return *std::move(bytes);
}

// An optional member that must be text.
arrow::Result<std::optional<std::string>> TextMember(const Value& jwk, std::string_view name) {
  const Value* member = jwk.Find(name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return Bad("has a '" + std::string(name) + "' that is no text");
  return member->as_string();
}

arrow::Result<bool> MayVerify(const Value& jwk) {
  const Value* operations = jwk.Find("key_ops");
  if (operations == nullptr) return true;
  if (!operations->is_list()) return Bad("has 'key_ops' that are no list");
  for (const Value& operation : operations->as_list()) {
    if (!operation.is_string()) return Bad("has 'key_ops' that are no list of texts");
  }
  return std::any_of(operations->as_list().begin(), operations->as_list().end(),
                     [](const Value& operation) { return operation.as_string() == "verify"; });
}

// The algorithm of the key's type; nothing where we have none for it.
arrow::Result<std::optional<JwtAlgorithm>> TypeOf(const Value& jwk) {
  ARROW_ASSIGN_OR_RAISE(const auto type, TextMember(jwk, "kty"));
  if (!type) return Bad("has no 'kty'");
  if (*type == "oct") return JwtAlgorithm::kHs256;
  if (*type == "RSA") return JwtAlgorithm::kRs256;
  if (*type != "EC") return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto curve, TextMember(jwk, "crv"));
  if (curve != "P-256") return std::nullopt;
  return JwtAlgorithm::kEs256;
}

// Why the key is for something else; empty where it is for us.
arrow::Result<std::string> OtherPurpose(const Value& jwk, std::optional<JwtAlgorithm> type) {
  if (!type) return "its type or curve is not supported";
  ARROW_ASSIGN_OR_RAISE(const auto use, TextMember(jwk, "use"));
  if (use && *use != "sig") return "its 'use' is not 'sig'";
  ARROW_ASSIGN_OR_RAISE(const bool may_verify, MayVerify(jwk));
  if (!may_verify) return "its 'key_ops' have no 'verify'";
  ARROW_ASSIGN_OR_RAISE(const auto algorithm, TextMember(jwk, "alg"));
  if (algorithm && *algorithm != AlgorithmName(*type)) {
    return "its 'alg' is not " + std::string(AlgorithmName(*type));
  }
  return std::string();
}

arrow::Result<JwtKey> KeyOfType(const Value& jwk, JwtAlgorithm type) {
  if (type == JwtAlgorithm::kHs256) {
    ARROW_ASSIGN_OR_RAISE(std::string secret, BytesMember(jwk, "k"));
    auto key = MakeSecretKey(secret);
    OPENSSL_cleanse(secret.data(), secret.size());
    return key;
  }
  if (jwk.Find("d") != nullptr) {
    return Bad("holds a private key: who has it can make tokens; give the public key only");
  }
  if (type == JwtAlgorithm::kRs256) {
    RsaNumbers numbers;
    ARROW_ASSIGN_OR_RAISE(numbers.n, BytesMember(jwk, "n"));
    ARROW_ASSIGN_OR_RAISE(numbers.e, BytesMember(jwk, "e"));
    return MakeRsaKey(std::move(numbers));
  }
  EcPoint point;
  ARROW_ASSIGN_OR_RAISE(point.x, BytesMember(jwk, "x"));
  ARROW_ASSIGN_OR_RAISE(point.y, BytesMember(jwk, "y"));
  return MakeEcKey(std::move(point));
}

}  // namespace

std::string_view AlgorithmName(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::kHs256:
      return "HS256";
    case JwtAlgorithm::kRs256:
      return "RS256";
    case JwtAlgorithm::kEs256:
      return "ES256";
  }
  return {};
}

std::optional<JwtAlgorithm> AlgorithmOf(std::string_view name) {
  for (auto known : {JwtAlgorithm::kHs256, JwtAlgorithm::kRs256, JwtAlgorithm::kEs256}) {
    if (name == AlgorithmName(known)) return known;
  }
  return std::nullopt;
}

void JwkRelease::operator()(_cjose_jwk_int* key) const {
  if (cjose_jwk_get_kty(key, nullptr) == CJOSE_JWK_KTY_OCT) {
    void* secret = cjose_jwk_get_keydata(key, nullptr);
    if (secret != nullptr) OPENSSL_cleanse(secret, cjose_jwk_get_keysize(key, nullptr) / 8);
  }
  cjose_jwk_release(key);
}

bool IsBase64Url(std::string_view text) {
  // cjose's own decoder ends at the first '=', whatever follows, and some of its versions end the
  // process where that is in the wrong place.
  return text.size() % 4 != 1 && text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  if (!IsBase64Url(text)) return std::nullopt;
  const size_t unused_bits = text.size() % 4 == 2 ? 4 : (text.size() % 4 == 3 ? 2 : 0);
  if (unused_bits != 0 && kAlphabet.find(text.back()) % (size_t{1} << unused_bits) != 0) {
    return std::nullopt;
  }
  uint8_t* decoded = nullptr;
  size_t size = 0;
  if (!cjose_base64url_decode(text.data(), text.size(), &decoded, &size, nullptr)) {
    return std::nullopt;
  }
  std::string bytes(reinterpret_cast<const char*>(decoded), size);
  OPENSSL_cleanse(decoded, size);
  cjose_get_dealloc()(decoded);
  return bytes;
}

arrow::Result<JwtKey> JwtKeyFromPem(std::string_view pem) {
  ARROW_ASSIGN_OR_RAISE(PublicNumbers numbers, ReadPemPublicKey(pem));
  if (auto* rsa = std::get_if<RsaNumbers>(&numbers)) return MakeRsaKey(std::move(*rsa));
  return MakeEcKey(std::move(*std::get_if<EcPoint>(&numbers)));
}

arrow::Result<JwtKey> JwtKeyFromSecret(std::string_view secret) {
  const size_t begin = std::min(secret.find_first_not_of(" \t\r\n"), secret.size());
  if (secret.substr(begin).starts_with("-----BEGIN") || secret.substr(begin).starts_with("{")) {
    return Bad(
        "is given as a secret, but is a PEM text or JSON: who knows a public key could make "
        "tokens with it; give it as what it is");
  }
  return MakeSecretKey(secret);
}

arrow::Result<std::optional<JwtKey>> JwtKeyFromJwk(const Value& jwk, std::string* skipped) {
  if (!jwk.is_object()) return Bad("is no JSON object");
  ARROW_ASSIGN_OR_RAISE(const auto type, TypeOf(jwk));
  ARROW_ASSIGN_OR_RAISE(*skipped, OtherPurpose(jwk, type));
  if (!skipped->empty()) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(JwtKey key, KeyOfType(jwk, *type));
  ARROW_ASSIGN_OR_RAISE(key.kid, TextMember(jwk, "kid"));
  if (key.kid && key.kid->size() > kMaxKidBytes) {
    return Bad("has a 'kid' of more than " + std::to_string(kMaxKidBytes) + " bytes");
  }
  return std::optional<JwtKey>(std::move(key));
}

}  // namespace longbow::access
