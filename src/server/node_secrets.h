/// \file
/// Where a node's settings find the secrets that they refer to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/clock.h>
#include <longbow/log.h>
#include <longbow/settings.h>

#include "base/random.h"
#include "secret/environment_secrets.h"
#include "secret/file_secrets.h"
#include "secret/secret_resolver.h"
#include "secret/vault_options.h"
#include "secret/waiter.h"

namespace longbow::secret {
class HttpTransport;
class VaultSecrets;
}  // namespace longbow::secret

namespace longbow::server {

/// The environment, files, and Vault where `[vault]` names one. Thread-safe after `UseVault`.
class NodeSecrets {
 public:
  NodeSecrets();
  /// Stops watching.
  ~NodeSecrets();
  NodeSecrets(const NodeSecrets&) = delete;
  NodeSecrets& operator=(const NodeSecrets&) = delete;

  /// Adds Vault, whose settings are resolved but for references to Vault itself. Errors:
  /// BAD_ARGUMENT for settings that cannot work.
  arrow::Status UseVault(const Settings& settings);

  /// What a text of a setting stands for. Blocks.
  arrow::Result<std::string> Resolve(std::string_view text);
  /// The same of a setting that may be written as `@PATH`, which means what `file:PATH` does.
  arrow::Result<std::string> ResolveFile(std::string_view text);

  /// From now on, secrets are read again when they change, and `on_change` is told on a thread of
  /// its own. `logger` outlives this. Once.
  void Watch(Logger* logger, std::function<void()> on_change);
  /// For a stop: a reading that is under way ends soon, with an error, as do all later ones. Does
  /// not wait for it.
  void Interrupt();
  /// Interrupts; `on_change` and the logger are no longer used when it returns. What was resolved
  /// is redacted as before. Idempotent; for one thread.
  void StopWatching();

  /// Around the resolving of all settings: what was not resolved in between is forgotten.
  void MarkUnused();
  void ForgetUnused();

  /// Sentences about secrets that could not be read again, for `/health`.
  std::vector<std::string> problems() const;
  /// `text` with each secret in it replaced; empty: there is none in it.
  std::optional<std::string> Redact(std::string_view text) const;
  /// The same error, for people, with each secret in its message replaced.
  arrow::Status Redacted(const arrow::Status& status) const;

 private:
  /// Hands lines on once there is somebody to take them.
  class LateLogger;

  void MakeResolver();

  const SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<LateLogger> logger_;
  secret::EnvironmentSecrets environment_;
  secret::FileSecrets files_;
  secret::VaultOptions vault_options_;
  std::unique_ptr<secret::HttpTransport> transport_;
  std::unique_ptr<secret::Waiter> waiter_;
  std::unique_ptr<secret::VaultSecrets> vault_;
  std::function<void()> on_change_;
  std::unique_ptr<secret::SecretResolver> resolver_;
};

}  // namespace longbow::server
