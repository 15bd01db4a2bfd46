#include "access/token_authenticator.h"

#include <algorithm>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <longbow/error.h>

#include "access/credential.h"
#include "access/identity.h"

namespace longbow::access {
namespace {

arrow::Status Bad(std::string message) {
  return MakeError(ErrorCode::kBadArgument, std::move(message));
}

// What a header can carry without being changed on the way.
bool IsVisibleAscii(char c) { return c > 0x20 && c < 0x7f; }

arrow::Status CheckName(const std::string& name) {
  if (!IsPlainText(name, kMaxNameBytes) || name.find('*') != std::string::npos) {
    return Bad("The name of a token must be 1 to " + std::to_string(kMaxNameBytes) +
               " bytes without '*' and control characters: rename it");
  }
  return arrow::Status::OK();
}

arrow::Status CheckToken(const std::string& name, const std::string& token) {
  ARROW_RETURN_NOT_OK(CheckName(name));
  if (token.size() < TokenAuthenticator::kMinTokenBytes) {
    return Bad("The token '" + name + "' is shorter than " +
               std::to_string(TokenAuthenticator::kMinTokenBytes) +
               " characters: make one with 'openssl rand -hex 32'");
  }
  if (token.size() > TokenAuthenticator::kMaxTokenBytes) {
    return Bad("The token '" + name + "' is longer than " +
               std::to_string(TokenAuthenticator::kMaxTokenBytes) +
               " characters: use a shorter one");
  }
  if (!std::all_of(token.begin(), token.end(), IsVisibleAscii)) {
    return Bad(
        "The token '" + name +
        "' has a character that a header cannot carry: use visible ASCII, without spaces and "
        "the end of a line");
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<std::unique_ptr<TokenAuthenticator>> TokenAuthenticator::Make(std::string header,
                                                                            const Tokens& tokens,
                                                                            Random* random) {
  ARROW_RETURN_NOT_OK(CheckCredentialHeader(header));
  std::unique_ptr<TokenAuthenticator> made(new TokenAuthenticator(std::move(header), random));
  ARROW_RETURN_NOT_OK(made->Replace(tokens));
  return made;
}

TokenAuthenticator::TokenAuthenticator(std::string header, Random* random)
    : header_(std::move(header)) {
  random->Fill(key_.data(), key_.size());
}

arrow::Result<TokenAuthenticator::Hash> TokenAuthenticator::HashOf(std::string_view token) const {
  Hash hash;
  unsigned int size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(token.data());
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), bytes, token.size(),
           hash.data(), &size) == nullptr ||
      size != hash.size()) {
    return MakeError(ErrorCode::kInternalError,
                     "A token cannot be checked: OpenSSL computes no HMAC-SHA256");
  }
  return hash;
}

arrow::Status TokenAuthenticator::Replace(const Tokens& tokens) {
  if (tokens.size() > kMaxTokens) {
    return Bad("There are " + std::to_string(tokens.size()) + " tokens; at most " +
               std::to_string(kMaxTokens) + " are allowed");
  }
  auto made = std::make_shared<Entries>();
  made->reserve(tokens.size());
  std::map<Hash, std::string> names;
  for (const auto& [name, token] : tokens) {
    ARROW_RETURN_NOT_OK(CheckToken(name, token));
    ARROW_ASSIGN_OR_RAISE(const Hash hash, HashOf(token));
    const auto [other, is_new] = names.emplace(hash, name);
    if (!is_new) {
      return Bad("The tokens '" + other->second + "' and '" + name +
                 "' are equal: give each a value of its own");
    }
    auto principal = std::make_shared<Principal>();
    principal->name = name;
    principal->identities = {"token:" + name};
    made->push_back({hash, std::move(principal)});
  }
  std::lock_guard lock(mutex_);
  entries_ = std::move(made);
  return arrow::Status::OK();
}

std::shared_ptr<const TokenAuthenticator::Entries> TokenAuthenticator::entries() const {
  std::lock_guard lock(mutex_);
  return entries_;
}

arrow::Result<std::shared_ptr<const Principal>> TokenAuthenticator::Authenticate(
    const CallContext& call) {
  ARROW_ASSIGN_OR_RAISE(const std::string_view token,
                        FindCredential(call, header_, kMaxTokenBytes));
  ARROW_ASSIGN_OR_RAISE(const Hash hash, HashOf(token));
  const auto all = entries();
  // All are compared, so that time tells nothing about which one was near.
  const Entry* found = nullptr;
  for (const Entry& entry : *all) {
    const bool equal = CRYPTO_memcmp(entry.hash.data(), hash.data(), hash.size()) == 0;
    found = equal ? &entry : found;
  }
  if (found == nullptr) {
    return MakeError(
        ErrorCode::kUnauthenticated,
        "The token is not known to this server: send one that it has been set up with");
  }
  return found->principal;
}

}  // namespace longbow::access
