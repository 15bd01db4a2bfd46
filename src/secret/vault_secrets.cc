#include "secret/vault_secrets.h"

#include <algorithm>
#include <utility>

#include <longbow/error.h>

#include "secret/file_secrets.h"
#include "secret/vault_answer.h"

namespace longbow::secret {
namespace {

// A lease that is longer is looked at earlier.
constexpr std::chrono::seconds kMaxRefresh{24 * 3600};

arrow::Status NotThere(const SecretReference& reference, const std::string& what,
                       std::string what_to_do) {
  return MakeError(ErrorCode::kNotFound, "the secret " + reference.shown() + " " + what,
                   std::move(what_to_do));
}

arrow::Status WithName(const SecretReference& reference, const arrow::Status& status) {
  const ErrorDetail* detail = ErrorDetailOf(status);
  return MakeError(ErrorCodeOf(status),
                   "the secret " + reference.shown() + " cannot be read: " + status.message(),
                   detail != nullptr ? detail->detail() : std::string());
}

}  // namespace

arrow::Result<std::unique_ptr<VaultSecrets>> VaultSecrets::Make(VaultOptions options,
                                                                VaultSurroundings surroundings) {
  ARROW_RETURN_NOT_OK(CheckVaultOptions(options));
  return std::unique_ptr<VaultSecrets>(new VaultSecrets(std::move(options), surroundings));
}

VaultSecrets::VaultSecrets(VaultOptions options, VaultSurroundings surroundings)
    : options_(std::move(options)),
      surroundings_(surroundings),
      channel_(&options_, surroundings),
      session_(&options_, &channel_, surroundings) {}

VaultSecrets::~VaultSecrets() {
  Wipe(&options_.token.value);
  Wipe(&options_.secret_id.value);
}

arrow::Result<SecretValue> VaultSecrets::Get(const SecretReference& reference) {
  VaultCall call;
  call.what = "the reading";
  call.method = "GET";
  call.path =
      PercentEncodeSegments(reference.mount) + "/data/" + PercentEncodeSegments(reference.path);
  call.deadline = surroundings_.clock->Now() + options_.deadline;
  arrow::Result<std::string> token = session_.Token(call.deadline);
  if (!token.ok()) return WithName(reference, token.status());
  call.token = *token;
  arrow::Result<VaultReply> reply = channel_.Send(call);
  if (reply.ok() && reply->status == 403) {
    token = session_.Replace(call.token, call.deadline);
    if (!token.ok()) return WithName(reference, token.status());
    if (*token != call.token) {
      Wipe(&call.token);
      call.token = *token;
      reply = channel_.Send(call);
    }
  }
  Wipe(&*token);
  arrow::Result<SecretValue> value =
      reply.ok() ? Judge(reference, call, *reply) : WithName(reference, reply.status());
  Wipe(&call.token);
  return value;
}

arrow::Result<SecretValue> VaultSecrets::Judge(const SecretReference& reference,
                                               const VaultCall& call,
                                               const VaultReply& reply) const {
  if (reply.status == 404 && IsDeletedVersion(reply.body)) {
    return NotThere(reference, "was deleted in Vault: its newest version is gone",
                    "Write a new version, or restore that one with vault kv undelete.");
  }
  if (reply.status == 404) {
    return NotThere(reference, "is not in Vault",
                    "Check the mount and the path; the path has no data/ in front. Vault answers "
                    "alike where the namespace is another one.");
  }
  if (reply.status != 200) {
    return WithName(reference, channel_.ErrorOf(call, reply.status, reply.body));
  }
  arrow::Result<VaultSecret> secret = ParseSecret(reply.body, reference.key);
  if (!secret.ok()) return WithName(reference, secret.status());
  if (!secret->value) {
    return NotThere(reference, "has no such key in Vault", "Check what follows the #.");
  }
  SecretValue value;
  value.value = *secret->value;
  Wipe(&*secret->value);
  if (value.value.size() > kMaxSecretBytes) {
    return WithName(reference, MakeError(ErrorCode::kResourceExhausted, "it is larger than 1 MiB"));
  }
  value.refresh_after = secret->lease.count() > 0
                            ? std::chrono::milliseconds(std::min(secret->lease, kMaxRefresh))
                            : options_.refresh;
  return value;
}

arrow::Status VaultSecrets::Upkeep() {
  return session_.Upkeep(surroundings_.clock->Now() + options_.deadline);
}

void VaultSecrets::Interrupt() {
  surroundings_.waiter->Interrupt();
  surroundings_.transport->Interrupt();
}

}  // namespace longbow::secret
