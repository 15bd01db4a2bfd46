/// \file
/// Authentication by enumerated tokens: each is a secret with a name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/authenticator.h>

#include "base/random.h"

namespace longbow::access {

/// Thread-safe; nothing blocks. The tokens themselves are not kept: only their HMAC-SHA256 under a
/// key that is random in each process, so that hashes in a core dump cannot be looked up in a
/// table.
class TokenAuthenticator : public Authenticator {
 public:
  static constexpr size_t kMinTokenBytes = 16;
  static constexpr size_t kMaxTokenBytes = 4096;
  /// Each call is compared with all of them.
  static constexpr size_t kMaxTokens = 1024;

  /// Name to secret. The name becomes the principal's, and its identity `token:NAME`.
  using Tokens = std::map<std::string, std::string>;

  /// \param header in lower case; of `authorization` the value is `Bearer TOKEN`, of every other
  ///   one the token itself
  /// \param random needed only during the call
  /// Errors: BAD_ARGUMENT for a header that cannot be, and as `Replace`.
  static arrow::Result<std::unique_ptr<TokenAuthenticator>> Make(std::string header,
                                                                 const Tokens& tokens,
                                                                 Random* random);

  /// From now on these tokens are good and no others. With no tokens, nobody gets in.
  /// Errors: BAD_ARGUMENT, naming the token and never its value, where one is shorter than 16 or
  /// longer than 4096 bytes, has other characters than visible ASCII, or is that of another name;
  /// where a name is empty, too long, or has `*` or control characters; where there are too many.
  /// What was good before stays good then.
  arrow::Status Replace(const Tokens& tokens);

  bool blocks() const override { return false; }
  arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext& call) override;

 private:
  using Hash = std::array<uint8_t, 32>;
  struct Entry {
    Hash hash;
    std::shared_ptr<const Principal> principal;
  };
  using Entries = std::vector<Entry>;

  TokenAuthenticator(std::string header, Random* random);
  arrow::Result<Hash> HashOf(std::string_view token) const;
  std::shared_ptr<const Entries> entries() const;

  const std::string header_;
  std::array<uint8_t, 32> key_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Entries> entries_;
};

}  // namespace longbow::access
