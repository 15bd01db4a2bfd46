/// \file
/// Authentication by the certificate that a client of mutual TLS shows, alone or beside another
/// way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/authenticator.h>

namespace longbow::access {

/// `cert:subject=...`, `cert:cn=...` and `cert:san=...` for each alternative name; at most
/// `kMaxIdentities`. What is empty, has control characters or more than `kMaxIdentityValueBytes` is
/// left out: no rule could name it. Pure.
std::vector<std::string> CertificateIdentities(const PeerCertificate& certificate);

/// The principal is the certificate's: named by its common name, or its first alternative name, or
/// its subject, whichever of them is the first that can be a name. Thread-safe; nothing blocks.
/// Errors: UNAUTHENTICATED where there is no certificate, or it has no name.
class CertificateAuthenticator : public Authenticator {
 public:
  bool blocks() const override { return false; }
  arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext& call) override;
};

/// Another authenticator's principal, with the identities of the certificate too where the client
/// has shown one, so that rules can name either. The other one alone decides who gets in.
/// Thread-safe as that one is.
class CombinedAuthenticator : public Authenticator {
 public:
  explicit CombinedAuthenticator(std::shared_ptr<Authenticator> other);

  bool blocks() const override { return other_->blocks(); }
  /// Errors: those of the other; INTERNAL_ERROR where it gives no principal.
  arrow::Result<std::shared_ptr<const Principal>> Authenticate(const CallContext& call) override;

 private:
  const std::shared_ptr<Authenticator> other_;
};

}  // namespace longbow::access
