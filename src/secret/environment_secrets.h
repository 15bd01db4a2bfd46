/// \file
/// Secrets in environment variables: `env:NAME`.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "secret/secret_source.h"

namespace longbow::secret {

/// Never blocks. A variable that is set to nothing is an empty secret; one that is not set, an
/// error.
class EnvironmentSecrets : public SecretSource {
 public:
  /// Gives a variable's value. Thread-safe.
  using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

  /// This process's environment, which nobody may change meanwhile.
  EnvironmentSecrets();
  explicit EnvironmentSecrets(Lookup lookup);

  /// Errors: NOT_FOUND; RESOURCE_EXHAUSTED beyond `kMaxSecretBytes`.
  arrow::Result<SecretValue> Get(const SecretReference& reference) override;

 private:
  const Lookup lookup_;
};

}  // namespace longbow::secret
