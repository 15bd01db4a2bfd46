#include "access/jwt_claims.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <longbow/error.h>
#include <longbow/value.h>

#include "access/identity.h"
#include "access/jwt_keys.h"

namespace longbow::access {
namespace {

constexpr size_t kMaxClaims = 64;
constexpr size_t kMaxClaimNameBytes = 256;

arrow::Status Refuse(std::string message) {
  return MakeError(ErrorCode::kUnauthenticated, std::move(message));
}

arrow::Status Bad(std::string message) {
  return MakeError(ErrorCode::kBadArgument, std::move(message));
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// A time in seconds since 1970. Doubles hold any that makes sense, and overflow nothing.
arrow::Result<std::optional<double>> TimeClaim(const Value& claims, std::string_view name) {
  const Value* claim = claims.Find(name);
  if (claim == nullptr) return std::nullopt;
  if (!claim->is_number()) {
    return Refuse("The token's '" + std::string(name) + "' is no number: it must be in seconds");
  }
  return claim->as_double();
}

// Gives the end of the token, skew included.
arrow::Result<std::optional<double>> CheckTimes(const JwtClaimRules& rules, const Value& claims,
                                                double now) {
  const auto skew = static_cast<double>(rules.clock_skew_sec);
  ARROW_ASSIGN_OR_RAISE(std::optional<double> end, TimeClaim(claims, "exp"));
  ARROW_ASSIGN_OR_RAISE(const std::optional<double> begin, TimeClaim(claims, "nbf"));
  ARROW_ASSIGN_OR_RAISE(const std::optional<double> issued, TimeClaim(claims, "iat"));
  if (!end && rules.require_exp) {
    return Refuse("The token never expires: get one with the claim 'exp'");
  }
  if (end) *end += skew;
  if (end && now >= *end) return Refuse("The token has expired: get a new one");
  if (begin && now + skew < *begin) {
    return Refuse("The token is not good yet ('nbf'): wait, or compare the clocks");
  }
  if (issued && now + skew < *issued) {
    return Refuse("The token was issued in the future ('iat'): compare the clocks");
  }
  return end;
}

arrow::Status CheckIssuer(const JwtClaimRules& rules, const Value& claims) {
  if (rules.issuers.empty()) return arrow::Status::OK();
  const Value* issuer = claims.Find("iss");
  if (issuer != nullptr && issuer->is_string() && Contains(rules.issuers, issuer->as_string())) {
    return arrow::Status::OK();
  }
  return Refuse("The token's issuer ('iss') is none that this server trusts");
}

arrow::Status CheckAudience(const JwtClaimRules& rules, const Value& claims) {
  if (rules.audiences.empty()) return arrow::Status::OK();
  const Value* audience = claims.Find("aud");
  bool found = false;
  if (audience != nullptr && audience->is_string()) {
    found = Contains(rules.audiences, audience->as_string());
  } else if (audience != nullptr && audience->is_list()) {
    for (const Value& one : audience->as_list()) {
      if (!one.is_string()) return Refuse("The token's 'aud' is no text and no list of texts");
      found = found || Contains(rules.audiences, one.as_string());
    }
  }
  if (found) return arrow::Status::OK();
  return Refuse("The token is not meant for this server ('aud'): ask for one that is");
}

// Null where there is none.
const Value* FindClaim(const Value& claims, std::string_view name) {
  if (const Value* whole = claims.Find(name); whole != nullptr) return whole;
  const Value* at = &claims;
  while (at != nullptr) {
    const size_t dot = name.find('.');
    at = at->Find(name.substr(0, dot));
    if (dot == std::string_view::npos) return at;
    name.remove_prefix(dot + 1);
  }
  return nullptr;
}

bool IsUnverifiedEmail(const Value& claims, std::string_view name) {
  if (name != "email") return false;
  const Value* verified = claims.Find("email_verified");
  if (verified == nullptr) return false;
  // Some providers write it as text.
  return *verified != Value(true) && *verified != Value("true");
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    if (space > 0) words.push_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return words;
}

std::vector<std::string_view> ValuesOf(const Value& claims, std::string_view name) {
  const Value* claim = FindClaim(claims, name);
  if (claim == nullptr || IsUnverifiedEmail(claims, name)) return {};
  if (claim->is_string() && name == "scope") return Words(claim->as_string());
  if (claim->is_string()) return {claim->as_string()};
  std::vector<std::string_view> values;
  if (!claim->is_list()) return values;
  for (const Value& member : claim->as_list()) {
    if (member.is_string()) values.push_back(member.as_string());
  }
  return values;
}

arrow::Result<std::vector<std::string>> IdentitiesOf(const JwtClaimRules& rules,
                                                     const Value& claims) {
  std::vector<std::string> names = {"sub"};
  if (!Contains(names, rules.principal_claim)) names.push_back(rules.principal_claim);
  for (const std::string& name : rules.claims) {
    if (!Contains(names, name)) names.push_back(name);
  }
  std::vector<std::string> identities;
  for (const std::string& name : names) {
    for (std::string_view value : ValuesOf(claims, name)) {
      if (!IsPlainText(value, kMaxIdentityValueBytes)) continue;
      identities.push_back(("claim:" + name + "=").append(value));
      if (identities.size() > kMaxIdentities) {
        return Refuse("The token claims more than " + std::to_string(kMaxIdentities) +
                      " groups, roles and the like: get one with fewer");
      }
    }
  }
  return identities;
}

arrow::Result<std::shared_ptr<const Principal>> PrincipalOf(const JwtClaimRules& rules,
                                                            const Value& claims) {
  const Value* name = FindClaim(claims, rules.principal_claim);
  if (name == nullptr || !name->is_string() || !IsPlainText(name->as_string(), kMaxNameBytes)) {
    return Refuse("The token's claim '" + rules.principal_claim +
                  "' names nobody: it must be text of 1 to " + std::to_string(kMaxNameBytes) +
                  " bytes without control characters");
  }
  if (IsUnverifiedEmail(claims, rules.principal_claim)) {
    return Refuse("The token's 'email' is not verified: verify it with the identity provider");
  }
  auto principal = std::make_shared<Principal>();
  principal->name = name->as_string();
  ARROW_ASSIGN_OR_RAISE(principal->identities, IdentitiesOf(rules, claims));
  return principal;
}

bool IsClaimName(std::string_view name) {
  return IsPlainText(name, kMaxClaimNameBytes) && name.find_first_of("=*") == std::string::npos;
}

}  // namespace

arrow::Status CheckClaimRules(const JwtClaimRules& rules) {
  if (rules.clock_skew_sec < 0 || rules.clock_skew_sec > kMaxClockSkewSec) {
    return Bad("The clock skew of JWTs must be from 0 to " + std::to_string(kMaxClockSkewSec) +
               " s");
  }
  if (Contains(rules.issuers, "") || Contains(rules.audiences, "")) {
    return Bad("An issuer or audience of JWTs is empty: write its text, or leave the list empty");
  }
  if (rules.claims.size() > kMaxClaims) {
    return Bad("More than " + std::to_string(kMaxClaims) + " claims of JWTs are named");
  }
  const bool all = std::all_of(rules.claims.begin(), rules.claims.end(), IsClaimName);
  if (!all || !IsClaimName(rules.principal_claim)) {
    return Bad("The name of a claim must be 1 to " + std::to_string(kMaxClaimNameBytes) +
               " bytes without '=', '*' and control characters");
  }
  return arrow::Status::OK();
}

double SecondsOf(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

arrow::Result<VerifiedClaims> CheckClaims(const JwtClaimRules& rules, std::string_view json,
                                          WallTime now) {
  // The parser's message might show what was sent.
  const auto claims = Value::FromJson(json, JwtKeys::kMaxJsonDepth);
  if (!claims.ok() || !claims->is_object()) {
    return Refuse("The token's claims are no valid JSON object, or have a member twice");
  }
  VerifiedClaims verified;
  ARROW_ASSIGN_OR_RAISE(verified.end_sec, CheckTimes(rules, *claims, SecondsOf(now)));
  ARROW_RETURN_NOT_OK(CheckIssuer(rules, *claims));
  ARROW_RETURN_NOT_OK(CheckAudience(rules, *claims));
  ARROW_ASSIGN_OR_RAISE(verified.principal, PrincipalOf(rules, *claims));
  return verified;
}

}  // namespace longbow::access
