#include "secret/vault_options.h"

#include <algorithm>

#include <longbow/error.h>

namespace longbow::secret {
namespace {

arrow::Status Bad(std::string message) {
  return MakeError(ErrorCode::kBadArgument, "Vault: " + std::move(message),
                   "Correct the settings of Vault.");
}

bool IsPlain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

/// Whether it is safe in a URL or a header: segments without what a server would resolve.
bool IsPath(const std::string& text) {
  return IsPlain(text) && text.find("..") == std::string::npos &&
         text.find("//") == std::string::npos && text.find_first_of("?#%\\") == std::string::npos;
}

arrow::Status CheckLogin(const VaultOptions& options) {
  switch (options.login) {
    case VaultLogin::kToken:
      if (options.token.value.empty() && options.token.file.empty()) {
        return Bad("the login by token needs a token or a file with one");
      }
      break;
    case VaultLogin::kAppRole:
      if (options.role.empty()) return Bad("the login by AppRole needs the role's id");
      break;
    case VaultLogin::kKubernetes:
      if (options.role.empty()) return Bad("the login by Kubernetes needs a role");
      if (options.jwt_file.empty()) {
        return Bad("the login by Kubernetes needs the file of the service account's token");
      }
      break;
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Status CheckVaultOptions(const VaultOptions& options) {
  arrow::Result<HttpUrl> url = ParseHttpUrl(options.address);
  if (!url.ok() || url->target != "/") {
    return Bad("the address is not of the form https://HOST:PORT");
  }
  if (!IsPath(options.vault_namespace)) return Bad("the namespace is no path");
  if (!IsPath(options.auth_mount) || options.auth_mount.starts_with('/') ||
      options.auth_mount.ends_with('/')) {
    return Bad("the mount of the login method is no path");
  }
  if (options.tls.certificate_file.empty() != options.tls.key_file.empty()) {
    return Bad("a client certificate and its key are only of use together");
  }
  if (options.refresh <= options.refresh.zero() || options.deadline <= options.deadline.zero() ||
      options.attempt_timeout <= options.attempt_timeout.zero() ||
      options.backoff.first <= options.backoff.first.zero()) {
    return Bad("times must be more than 0");
  }
  return CheckLogin(options);
}

}  // namespace longbow::secret
