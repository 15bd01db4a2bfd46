#include "secret/environment_secrets.h"

#include <cstdlib>
#include <utility>

#include <longbow/error.h>

#include "secret/file_secrets.h"

namespace longbow::secret {

EnvironmentSecrets::EnvironmentSecrets()
    : EnvironmentSecrets([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      }) {}

EnvironmentSecrets::EnvironmentSecrets(Lookup lookup) : lookup_(std::move(lookup)) {}

arrow::Result<SecretValue> EnvironmentSecrets::Get(const SecretReference& reference) {
  std::optional<std::string> found = lookup_(reference.name);
  if (!found) {
    return MakeError(ErrorCode::kNotFound, "the secret " + reference.shown() + " is not there",
                     "Set the environment variable " + reference.name + " for this process.");
  }
  SecretValue value;
  value.value = *found;
  Wipe(&*found);
  if (value.value.size() > kMaxSecretBytes) {
    return MakeError(ErrorCode::kResourceExhausted,
                     "the secret " + reference.shown() + " is larger than 1 MiB");
  }
  return value;
}

}  // namespace longbow::secret
