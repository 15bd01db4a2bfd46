/// \file
/// A token for Vault: logs in, renews in time, logs in again.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include <arrow/result.h>

#include <longbow/clock.h>

#include "secret/vault_answer.h"
#include "secret/vault_channel.h"
#include "secret/vault_options.h"

namespace longbow::secret {

/// The life of a token: the first `Token` logs in. Between one half and two thirds of the token's
/// time, `Upkeep` is due and renews it. A new login takes its place where it cannot be renewed,
/// where Vault refuses, or where the renewal gave less than half of the first time, which is what
/// happens when the token comes near its greatest age. A token that somebody else made is looked up
/// instead of a login; one from a file is read again.
///
/// Thread-safe. One thread at a time talks to Vault; others wait for it only if they have no token.
class VaultSession {
 public:
  /// All outlive the session. `options` have passed `CheckVaultOptions`.
  VaultSession(const VaultOptions* options, const VaultChannel* channel,
               VaultSurroundings surroundings);
  ~VaultSession();

  /// A token that has not ended, after a login if need be. Blocks up to the deadline.
  /// Errors: UNAUTHENTICATED where Vault refuses the login; a credential's file's; the channel's.
  arrow::Result<std::string> Token(MonotonicTime deadline);

  /// A token after Vault did not take `refused`: a new one, where there can be one, else the same.
  /// Blocks and errors like `Token`.
  arrow::Result<std::string> Replace(const std::string& refused, MonotonicTime deadline);

  /// When `Upkeep` is to be called.
  std::optional<MonotonicTime> upkeep_due() const;

  /// Renews or logs in. Blocks up to the deadline. After an error the token that is there stays in
  /// use, and a later try is due.
  arrow::Status Upkeep(MonotonicTime deadline);

 private:
  class Turn;
  struct State {
    std::string token;
    std::chrono::seconds first_ttl{0};  // what the login gave
    bool is_renewable = false;
    std::optional<MonotonicTime> ends;
    std::optional<MonotonicTime> due;
    int failures = 0;  // of the upkeep, in a row
  };

  std::optional<std::string> ValidToken() const;
  bool can_log_in() const { return options_->login != VaultLogin::kToken; }
  bool may_change() const { return can_log_in() || !options_->token.file.empty(); }
  // What follows is called by who has the turn.
  arrow::Status LogIn(MonotonicTime deadline);
  arrow::Result<VaultToken> AskForToken(MonotonicTime deadline) const;
  arrow::Result<VaultToken> LookUp(const std::string& token, MonotonicTime deadline) const;
  arrow::Status Renew(MonotonicTime deadline, bool* needs_login);
  void Adopt(const VaultToken& token, MonotonicTime asked, bool is_new);

  const VaultOptions* const options_;
  const VaultChannel* const channel_;
  const VaultSurroundings surroundings_;

  mutable std::mutex mutex_;
  std::condition_variable turn_over_;
  bool is_busy_ = false;
  State state_;
};

}  // namespace longbow::secret
