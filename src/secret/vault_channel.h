/// \file
/// Requests to Vault's HTTP API: headers, attempts, redirects, and errors as sentences.
#pragma once

#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/clock.h>

#include "base/random.h"
#include "secret/http_transport.h"
#include "secret/vault_options.h"
#include "secret/waiter.h"
#include "secret/wipe.h"

namespace longbow::secret {

/// What the Vault client needs of the world. All outlive it.
struct VaultSurroundings {
  HttpTransport* transport = nullptr;
  Waiter* waiter = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
};

struct VaultCall {
  std::string what;  ///< for errors, as in "Vault refuses WHAT"
  std::string method;
  std::string path;                  ///< below /v1/, percent-encoded
  std::string token;                 ///< empty for a login
  std::string body;                  ///< JSON
  std::vector<std::string> secrets;  ///< what of the body must be in no error, beside the token
  MonotonicTime deadline;
};

struct VaultReply {
  int status = 0;
  std::string body;

  ~VaultReply() { Wipe(&body); }
};

/// Thread-safe; holds no state but its options.
///
/// Connection errors and 412, 429, 472, 473, 500, 502, 503 are tried again, with a growing, random
/// wait, until the call's deadline. All other answers are the caller's.
///
/// A standby node answers 307 with the active node's address. That, and 308, is followed, at most
/// twice, if the path stays the same, as Vault's does. Over TLS it may lead to another host: the
/// server that says so has proven to be the one that was meant, and the next one has to prove its
/// name, too. Without TLS it may lead to another port of the same host only, and never from https
/// to http. The token goes along wherever a redirect is followed.
class VaultChannel {
 public:
  /// `options` have passed `CheckVaultOptions`, and outlive the channel.
  VaultChannel(const VaultOptions* options, VaultSurroundings surroundings);

  /// Blocks up to the call's deadline. The reply's status is one that is not tried again.
  /// Errors: NOT_READY and TIMEOUT after the last attempt; the transport's others; COMMAND_FAILED
  /// for a redirect that is not followed; SHUTTING_DOWN.
  arrow::Result<VaultReply> Send(const VaultCall& call) const;

  /// The error that a reply means: what Vault says, without what was sent. BAD_ARGUMENT for 400,
  /// PERMISSION_DENIED for 403, NOT_FOUND for 404, NOT_READY for those that are tried again, else
  /// COMMAND_FAILED.
  arrow::Status ErrorOf(const VaultCall& call, int status, const std::string& body) const;

 private:
  HttpRequest MakeRequest(const VaultCall& call) const;
  /// One attempt.
  arrow::Result<HttpReply> Try(const VaultCall& call) const;
  arrow::Status GiveUp(const VaultCall& call, const arrow::Status& last) const;

  const VaultOptions* const options_;
  const VaultSurroundings surroundings_;
  HttpOrigin origin_;
};

}  // namespace longbow::secret
