#include "access/jwt_keys.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <cjose/header.h>
#include <cjose/jws.h>

#include <longbow/error.h>
#include <longbow/value.h>

#include "access/dropped_errors.h"
#include "access/jwt_key.h"

namespace longbow::access {
namespace {

struct JwsRelease {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using Jws = std::unique_ptr<cjose_jws_t, JwsRelease>;

arrow::Status Refuse(std::string message) {
  return MakeError(ErrorCode::kUnauthenticated, std::move(message));
}

arrow::Status NoJwt() {
  return Refuse("The token is no signed JWT: send one that the identity provider has issued");
}

// `what` is the end of a sentence, made by JwtKeyFrom*.
arrow::Status BadKey(const std::string& which, const arrow::Status& what) {
  return MakeError(ErrorCode::kBadArgument, "The JWT key " + which + " " + what.message());
}

struct Parts {
  std::string_view header;
  size_t signature_bytes = 0;
};

std::optional<Parts> Split(std::string_view token) {
  if (token.size() > JwtKeys::kMaxTokenBytes) return std::nullopt;
  std::array<std::string_view, 3> parts;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    const size_t dot = is_last ? token.size() : token.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    parts[i] = token.substr(0, dot);
    // A dot more is of no alphabet either.
    if (parts[i].empty() || !IsBase64Url(parts[i])) return std::nullopt;
    if (!is_last) token.remove_prefix(dot + 1);
  }
  return Parts{parts[0], parts[2].size() * 3 / 4};
}

struct JoseHeader {
  JwtAlgorithm algorithm;
  std::optional<std::string> kid;
};

// The types of a JWT that is meant for a server like this one (RFC 8725, 3.11): a logout token of
// the same issuer, with the same signature, is none.
bool IsAccessType(std::string type) {
  std::transform(type.begin(), type.end(), type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::string_view kPrefix = "application/";
  if (type.starts_with(kPrefix)) type.erase(0, kPrefix.size());
  return type == "jwt" || type == "at+jwt";
}

arrow::Result<JoseHeader> ReadHeader(std::string_view encoded) {
  const std::optional<std::string> text = DecodeBase64Url(encoded);
  if (!text) return NoJwt();
  // The parser's message might show what was sent.
  const auto parsed = Value::FromJson(*text, JwtKeys::kMaxJsonDepth);
  if (!parsed.ok() || !parsed->is_object()) return NoJwt();
  const Value* name = parsed->Find("alg");
  if (name == nullptr || !name->is_string()) return NoJwt();
  const auto algorithm = AlgorithmOf(name->as_string());
  if (!algorithm) {
    return Refuse("The token's algorithm is not accepted: RS256, ES256 and HS256 are");
  }
  if (parsed->Find("crit") != nullptr) {
    return Refuse("The token demands an extension ('crit') that this server does not have");
  }
  if (const Value* type = parsed->Find("typ"); type != nullptr) {
    if (!type->is_string() || !IsAccessType(type->as_string())) {
      return Refuse("The token's 'typ' is not JWT: send an access token");
    }
  }
  JoseHeader header{*algorithm, std::nullopt};
  if (const Value* kid = parsed->Find("kid"); kid != nullptr) {
    if (!kid->is_string()) return NoJwt();
    header.kid = kid->as_string();
  }
  return header;
}

bool Has(const JwtKey& key, const std::optional<std::string>& kid) { return key.kid == kid; }

// The keys that may have signed a token with that header.
std::vector<const JwtKey*> Candidates(const std::vector<JwtKey>& keys, const JoseHeader& header) {
  std::vector<const JwtKey*> found;
  const bool is_known = header.kid && std::any_of(keys.begin(), keys.end(), [&](const JwtKey& key) {
                          return Has(key, header.kid);
                        });
  for (const JwtKey& key : keys) {
    if (key.algorithm != header.algorithm) continue;
    if (is_known && !Has(key, header.kid)) continue;
    // A key without a name may be any.
    if (header.kid && !is_known && key.kid) continue;
    if (found.size() < JwtKeys::kMaxTries) found.push_back(&key);
  }
  return found;
}

}  // namespace

JwtKeys::JwtKeys() = default;
JwtKeys::~JwtKeys() = default;

size_t JwtKeys::size() const { return keys_.size(); }

arrow::Result<std::shared_ptr<const JwtKeys>> JwtKeys::Make(
    const std::vector<JwtKeySource>& sources) {
  const DroppedErrors dropped;
  std::shared_ptr<JwtKeys> made(new JwtKeys());
  for (const JwtKeySource& source : sources) ARROW_RETURN_NOT_OK(made->Add(source));
  if (made->keys_.empty()) {
    const std::string why = made->skipped_.empty() ? "give at least one" : made->skipped_.front();
    return MakeError(ErrorCode::kBadArgument, "There is no key that could verify a JWT: " + why);
  }
  return made;
}

arrow::Status JwtKeys::Add(const JwtKeySource& source) {
  if (source.kind == JwtKeySource::Kind::kJwks) return AddJwks(source);
  auto key = source.kind == JwtKeySource::Kind::kPem ? JwtKeyFromPem(source.text)
                                                     : JwtKeyFromSecret(source.text);
  if (!key.ok()) return BadKey("'" + source.name + "'", key.status());
  keys_.push_back(std::move(*key));
  if (keys_.size() > kMaxKeys) {
    return MakeError(ErrorCode::kBadArgument, "There are more than " + std::to_string(kMaxKeys) +
                                                  " keys for JWTs: remove those not used");
  }
  return arrow::Status::OK();
}

arrow::Status JwtKeys::AddJwks(const JwtKeySource& source) {
  const auto bad = [&](const std::string& what) {
    return MakeError(ErrorCode::kBadArgument, "The key set '" + source.name + "' " + what);
  };
  if (source.text.size() > kMaxJwksBytes) {
    return bad("is longer than " + std::to_string(kMaxJwksBytes) + " bytes");
  }
  const auto parsed = Value::FromJson(source.text, kMaxJsonDepth);
  // Not the parser's message: the text may hold secrets, and be malformed right there.
  if (!parsed.ok()) return bad("is no valid JSON, or has a member twice");
  const Value* keys = parsed->Find("keys");
  if (keys == nullptr || !keys->is_list()) {
    return bad("is no JWKS, which is written {\"keys\": [...]}");
  }
  if (keys_.size() + keys->as_list().size() > kMaxKeys) {
    return bad("has too many keys: at most " + std::to_string(kMaxKeys) + " are allowed in all");
  }
  for (size_t i = 0; i < keys->as_list().size(); ++i) {
    const std::string which = std::to_string(i + 1) + " of '" + source.name + "'";
    std::string skipped;
    auto key = JwtKeyFromJwk(keys->as_list()[i], &skipped);
    if (!key.ok()) return BadKey(which, key.status());
    if (*key) {
      keys_.push_back(std::move(**key));
    } else {
      skipped_.push_back("the JWT key " + which + " is not used: " + skipped);
    }
  }
  return arrow::Status::OK();
}

arrow::Result<std::string> JwtKeys::Verify(std::string_view token) const {
  const DroppedErrors dropped;
  const std::optional<Parts> parts = Split(token);
  if (!parts) return NoJwt();
  ARROW_ASSIGN_OR_RAISE(const JoseHeader header, ReadHeader(parts->header));
  const std::vector<const JwtKey*> candidates = Candidates(keys_, header);
  const Jws jws(cjose_jws_import(token.data(), token.size(), nullptr));
  if (jws == nullptr) return NoJwt();
  // What cjose has read is what we have checked.
  const char* algorithm = cjose_header_get(cjose_jws_get_protected(jws.get()), "alg", nullptr);
  if (algorithm == nullptr || AlgorithmName(header.algorithm) != algorithm) return NoJwt();
  for (const JwtKey* key : candidates) {
    // cjose compares an HMAC beyond the end of a short signature, and takes ECDSA's of any length.
    if (key->signature_bytes != parts->signature_bytes) continue;
    if (!cjose_jws_verify(jws.get(), key->jwk.get(), nullptr)) continue;
    uint8_t* claims = nullptr;
    size_t size = 0;
    if (!cjose_jws_get_plaintext(jws.get(), &claims, &size, nullptr)) return NoJwt();
    return std::string(reinterpret_cast<const char*>(claims), size);
  }
  return Refuse(
      "The token is not signed with a key that this server trusts: get a new one from its identity "
      "provider");
}

}  // namespace longbow::access
