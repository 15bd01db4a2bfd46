#include "access/certificate_authenticator.h"

#include <optional>
#include <string_view>
#include <utility>

#include <longbow/error.h>

#include "access/identity.h"

namespace longbow::access {
namespace {

std::string NameOf(const PeerCertificate& certificate) {
  std::vector<std::string_view> names = {certificate.common_name};
  if (!certificate.alternative_names.empty()) names.push_back(certificate.alternative_names[0]);
  names.push_back(certificate.subject);
  for (std::string_view name : names) {
    if (IsPlainText(name, kMaxNameBytes)) return std::string(name);
  }
  return {};
}

}  // namespace

std::vector<std::string> CertificateIdentities(const PeerCertificate& certificate) {
  std::vector<std::string> identities;
  const auto add = [&](std::string_view kind, std::string_view value) {
    if (identities.size() >= kMaxIdentities) return;
    if (!IsPlainText(value, kMaxIdentityValueBytes)) return;
    identities.push_back(std::string(kind).append(value));
  };
  add("cert:subject=", certificate.subject);
  add("cert:cn=", certificate.common_name);
  for (const std::string& name : certificate.alternative_names) add("cert:san=", name);
  return identities;
}

arrow::Result<std::shared_ptr<const Principal>> CertificateAuthenticator::Authenticate(
    const CallContext& call) {
  const std::optional<PeerCertificate>& certificate = call.peer_certificate();
  if (!certificate) {
    return MakeError(ErrorCode::kUnauthenticated,
                     "The call has no client certificate: connect with one that this server's "
                     "certificate authority has issued");
  }
  auto principal = std::make_shared<Principal>();
  principal->name = NameOf(*certificate);
  if (principal->name.empty()) {
    return MakeError(ErrorCode::kUnauthenticated,
                     "The client certificate has no name that can be used: use one with a common "
                     "name of at most " +
                         std::to_string(kMaxNameBytes) + " bytes");
  }
  principal->identities = CertificateIdentities(*certificate);
  return principal;
}

CombinedAuthenticator::CombinedAuthenticator(std::shared_ptr<Authenticator> other)
    : other_(std::move(other)) {}

arrow::Result<std::shared_ptr<const Principal>> CombinedAuthenticator::Authenticate(
    const CallContext& call) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<const Principal> found, other_->Authenticate(call));
  if (found == nullptr) {
    return MakeError(
        ErrorCode::kInternalError,
        "The call is refused: the authenticator gave neither a principal nor an error");
  }
  if (!call.peer_certificate()) return found;
  auto principal = std::make_shared<Principal>(*found);
  for (std::string& identity : CertificateIdentities(*call.peer_certificate())) {
    principal->identities.push_back(std::move(identity));
  }
  return principal;
}

}  // namespace longbow::access
