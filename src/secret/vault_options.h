/// \file
/// How to reach HashiCorp Vault, and how to log in to it.
#pragma once

#include <chrono>
#include <string>

#include <arrow/status.h>

#include "secret/backoff.h"
#include "secret/http_transport.h"

namespace longbow::secret {

/// A text that is given as it is or in a file, which is read again each time that it is needed.
struct Credential {
  std::string value;
  std::string file;  ///< used where `value` is empty
};

enum class VaultLogin {
  kToken,       ///< a token that somebody else made
  kAppRole,     ///< a role's id and a secret id
  kKubernetes,  ///< a role and the service account's JWT
};

struct VaultOptions {
  std::string address;          ///< such as `https://vault.example:8200`; a path is not allowed
  std::string vault_namespace;  ///< X-Vault-Namespace; empty for none
  VaultLogin login = VaultLogin::kToken;
  Credential token;      ///< for `kToken`
  std::string role;      ///< the role's id for `kAppRole`, its name for `kKubernetes`
  Credential secret_id;  ///< for `kAppRole`; may be empty where the role binds none
  std::string jwt_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";  ///< `kKubernetes`
  std::string auth_mount;  ///< where the method is mounted below `auth/`; empty for its usual place
  TlsClientOptions tls;
  /// KV version 2 has no leases: how old a secret may get, unless an answer says so itself.
  std::chrono::milliseconds refresh{300'000};
  /// For one reading or login as a whole, with all its attempts.
  std::chrono::milliseconds deadline{10'000};
  /// For one attempt.
  std::chrono::milliseconds attempt_timeout{5'000};
  BackoffLimits backoff{std::chrono::milliseconds(100), std::chrono::milliseconds(2'000)};
};

/// What is wrong with the options by themselves. Errors: BAD_ARGUMENT.
arrow::Status CheckVaultOptions(const VaultOptions& options);

}  // namespace longbow::secret
