/// \file
/// What a token claims, once its signature is known to be good: whether it is for us and for now,
/// and who it names. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/clock.h>
#include <longbow/principal.h>

namespace longbow::access {

struct JwtClaimRules {
  std::vector<std::string> issuers;    ///< `iss` must be one of them; empty: any, or none
  std::vector<std::string> audiences;  ///< `aud` must have one of them; empty: any, or none
  bool require_exp = true;
  /// By how much clocks may differ: tokens are good so much longer, and so much earlier.
  int64_t clock_skew_sec = 30;
  /// The claim that names the principal; may be dotted, as `claims` are.
  std::string principal_claim = "sub";
  /// Those that become identities, `claim:NAME=VALUE`, beside `sub` and `principal_claim`. A name
  /// is looked for as it is, then taken apart at its dots: `realm_access.roles` is the member
  /// `roles` of the member `realm_access`.
  std::vector<std::string> claims = {"sub", "scope", "groups", "roles", "email", "azp"};
};

inline constexpr int64_t kMaxClockSkewSec = 3600;

/// Errors: BAD_ARGUMENT: a skew out of its bounds, empty texts, names of claims that no rule could
/// name (with `=`, `*` or control characters), more than 64 claims.
arrow::Status CheckClaimRules(const JwtClaimRules& rules);

struct VerifiedClaims {
  std::shared_ptr<const Principal> principal;
  /// Seconds since 1970 from which on the token is no longer good, skew included; nothing where it
  /// never expires.
  std::optional<double> end_sec;
};

/// Seconds since 1970.
double SecondsOf(WallTime time);

/// `json` is the token's body. An object that has a member twice is refused, and so is what is
/// nested too deep or is no UTF-8.
///
/// Identities: of a claim that is text, its text (of `scope`, each of its words); of a list, each
/// text in it; nothing of anything else. Values that are empty, have control characters or more
/// than `kMaxIdentityValueBytes` are left out, and so is an `email` whose `email_verified` is there
/// and not true: who could claim any address must not get its rights.
///
/// Errors: UNAUTHENTICATED, with a message that shows nothing of the token.
arrow::Result<VerifiedClaims> CheckClaims(const JwtClaimRules& rules, std::string_view json,
                                          WallTime now);

}  // namespace longbow::access
