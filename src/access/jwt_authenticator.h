/// \file
/// Authentication by JSON Web Tokens of an identity provider.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/result.h>

#include <longbow/authenticator.h>
#include <longbow/clock.h>

#include "access/jwt_claims.h"
#include "access/jwt_keys.h"
#include "access/lru_cache.h"

namespace longbow::access {

struct JwtOptions {
  /// In lower case; of `authorization` the value is `Bearer TOKEN`, of every other one the token.
  std::string header = "authorization";
  JwtClaimRules rules;
};

/// Thread-safe; nothing blocks. Checking a signature takes some 50 us, so tokens that were good are
/// remembered for a minute at most, and never beyond their end.
class JwtAuthenticator : public Authenticator {
 public:
  static constexpr size_t kMaxCachedTokens = 1024;
  static constexpr int kCacheSec = 60;

  /// `clock` outlives it. Errors: BAD_ARGUMENT for options that cannot be.
  static arrow::Result<std::unique_ptr<JwtAuthenticator>> Make(JwtOptions options,
                                                               std::shared_ptr<const JwtKeys> keys,
                                                               const Clock* clock);

  /// From now on these keys are good and no others: what was signed with another is refused at
  /// once.
  void Replace(std::shared_ptr<const JwtKeys> keys);

  bool blocks() const override { return false; }
  arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext& call) override;

  /// How many tokens are remembered.
  size_t cached_tokens() const;
  /// How many calls were answered from memory.
  size_t cache_hits() const;

 private:
  struct Entry {
    VerifiedClaims claims;
    MonotonicTime verified;
  };

  JwtAuthenticator(JwtOptions options, std::shared_ptr<const JwtKeys> keys, const Clock* clock);
  /// Null where the token is not remembered; then `keys` are those to check it with.
  std::shared_ptr<const Principal> FindCached(const std::string& digest,
                                              std::shared_ptr<const JwtKeys>* keys);
  void Remember(std::string digest, const VerifiedClaims& claims,
                const std::shared_ptr<const JwtKeys>& keys);

  const JwtOptions options_;
  const Clock* const clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const JwtKeys> keys_;
  LruCache<std::string, Entry> cache_;  // by the token's SHA-256
  size_t cache_hits_ = 0;
};

}  // namespace longbow::access
