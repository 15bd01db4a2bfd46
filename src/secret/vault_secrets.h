/// \file
/// Secrets in HashiCorp Vault's key/value engine, version 2: `vault:MOUNT/PATH#KEY`.
#pragma once

#include <memory>
#include <string>

#include "secret/secret_source.h"
#include "secret/vault_channel.h"
#include "secret/vault_options.h"
#include "secret/vault_session.h"

namespace longbow::secret {

/// Thread-safe. `Get` and `Upkeep` block up to the options' `deadline`, logins included. Each `Get`
/// is one reading of the newest version: two keys of one secret can come from two versions for a
/// moment.
class VaultSecrets : public SecretSource {
 public:
  /// Talks to nobody yet. What `surroundings` point to outlives the object.
  /// Errors: BAD_ARGUMENT for options that cannot work.
  static arrow::Result<std::unique_ptr<VaultSecrets>> Make(VaultOptions options,
                                                           VaultSurroundings surroundings);
  ~VaultSecrets() override;

  /// Errors: NOT_FOUND for a secret, version or key that is not there; PERMISSION_DENIED after one
  /// more login; those of `VaultSession::Token` and `VaultChannel::Send`.
  arrow::Result<SecretValue> Get(const SecretReference& reference) override;
  std::optional<MonotonicTime> upkeep_due() const override { return session_.upkeep_due(); }
  arrow::Status Upkeep() override;
  /// Interrupts the transport and the waiter.
  void Interrupt() override;

 private:
  VaultSecrets(VaultOptions options, VaultSurroundings surroundings);
  arrow::Result<SecretValue> Judge(const SecretReference& reference, const VaultCall& call,
                                   const VaultReply& reply) const;

  VaultOptions options_;
  const VaultSurroundings surroundings_;
  VaultChannel channel_;
  VaultSession session_;
};

}  // namespace longbow::secret
