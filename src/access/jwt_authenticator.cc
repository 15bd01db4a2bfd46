#include "access/jwt_authenticator.h"

#include <chrono>
#include <utility>

#include <openssl/evp.h>

#include <longbow/error.h>

#include "access/credential.h"

namespace longbow::access {
namespace {

arrow::Result<std::string> DigestOf(std::string_view token) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(token.data(), token.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
    return MakeError(ErrorCode::kInternalError,
                     "A token cannot be checked: OpenSSL computes no SHA-256");
  }
  return std::string(reinterpret_cast<const char*>(digest), size);
}

}  // namespace

arrow::Result<std::unique_ptr<JwtAuthenticator>> JwtAuthenticator::Make(
    JwtOptions options, std::shared_ptr<const JwtKeys> keys, const Clock* clock) {
  ARROW_RETURN_NOT_OK(CheckCredentialHeader(options.header));
  ARROW_RETURN_NOT_OK(CheckClaimRules(options.rules));
  return std::unique_ptr<JwtAuthenticator>(
      new JwtAuthenticator(std::move(options), std::move(keys), clock));
}

JwtAuthenticator::JwtAuthenticator(JwtOptions options, std::shared_ptr<const JwtKeys> keys,
                                   const Clock* clock)
    : options_(std::move(options)),
      clock_(clock),
      keys_(std::move(keys)),
      cache_(kMaxCachedTokens) {}

void JwtAuthenticator::Replace(std::shared_ptr<const JwtKeys> keys) {
  std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  cache_.Clear();
}

size_t JwtAuthenticator::cached_tokens() const {
  std::lock_guard lock(mutex_);
  return cache_.size();
}

size_t JwtAuthenticator::cache_hits() const {
  std::lock_guard lock(mutex_);
  return cache_hits_;
}

std::shared_ptr<const Principal> JwtAuthenticator::FindCached(
    const std::string& digest, std::shared_ptr<const JwtKeys>* keys) {
  const MonotonicTime now = clock_->Now();
  const double now_sec = SecondsOf(clock_->WallNow());
  std::lock_guard lock(mutex_);
  *keys = keys_;
  const Entry* entry = cache_.Find(digest);
  if (entry == nullptr) return nullptr;
  const bool is_old = now - entry->verified >= std::chrono::seconds(kCacheSec);
  if (is_old || (entry->claims.end_sec && now_sec >= *entry->claims.end_sec)) {
    cache_.Erase(digest);
    return nullptr;
  }
  ++cache_hits_;
  return entry->claims.principal;
}

void JwtAuthenticator::Remember(std::string digest, const VerifiedClaims& claims,
                                const std::shared_ptr<const JwtKeys>& keys) {
  const MonotonicTime now = clock_->Now();
  std::lock_guard lock(mutex_);
  // The keys may have been replaced while the token was checked with the old ones.
  if (keys == keys_) cache_.Put(std::move(digest), {claims, now});
}

arrow::Result<std::shared_ptr<const Principal>> JwtAuthenticator::Authenticate(
    const CallContext& call) {
  ARROW_ASSIGN_OR_RAISE(const std::string_view token,
                        FindCredential(call, options_.header, JwtKeys::kMaxTokenBytes));
  ARROW_ASSIGN_OR_RAISE(std::string digest, DigestOf(token));
  std::shared_ptr<const JwtKeys> keys;
  if (auto known = FindCached(digest, &keys)) return known;
  ARROW_ASSIGN_OR_RAISE(const std::string json, keys->Verify(token));
  ARROW_ASSIGN_OR_RAISE(VerifiedClaims claims,
                        CheckClaims(options_.rules, json, clock_->WallNow()));
  Remember(std::move(digest), claims, keys);
  return claims.principal;
}

}  // namespace longbow::access
