/// \file
/// Finds out who calls. The server brings tokens and JWTs; a module can bring a verifier of its own
/// with `Registrar::SetAuthenticator`, which the setting `method = "module"` of `[auth]` turns on.
#pragma once

#include <memory>

#include <arrow/result.h>

#include <longbow/call_context.h>
#include <longbow/principal.h>

namespace longbow {

/// Thread-safe. No exception may leave it.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  /// Whether `Authenticate` may block, as one that asks a directory does: then it runs on a worker.
  virtual bool blocks() const { return true; }

  /// Who sent the call; never null. Asked once for every call, whatever its method, before anything
  /// of its message is looked at.
  /// Errors: UNAUTHENTICATED, with a message that says what is wrong and shows nothing of what the
  /// caller sent; any other error refuses the call, too.
  virtual arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext& call) = 0;
};

}  // namespace longbow
