#include "access/anonymous_authenticator.h"

#include <string>
#include <utility>

#include "access/certificate_authenticator.h"

namespace longbow::access {

AnonymousAuthenticator::AnonymousAuthenticator()
    : anonymous_(std::make_shared<Principal>(Principal{"anonymous", {"anonymous"}})) {}

arrow::Result<std::shared_ptr<const Principal>> AnonymousAuthenticator::Authenticate(
    const CallContext& call) {
  if (!call.peer_certificate()) return anonymous_;
  auto principal = std::make_shared<Principal>(*anonymous_);
  for (std::string& identity : CertificateIdentities(*call.peer_certificate())) {
    principal->identities.push_back(std::move(identity));
  }
  return principal;
}

}  // namespace longbow::access
