#include "transport/peer_certificate.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/util/utf8.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

namespace longbow::transport {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxAlternativeNames = 64;

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

bool IsControl(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte < 0x20 || byte == 0x7f;
}

/// Also without what ends a line or a text elsewhere: U+0080 to U+009F, U+2028 and U+2029.
bool HasControls(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), IsControl)) return true;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return text.find("\xe2\x80\xa8") != std::string_view::npos ||
         text.find("\xe2\x80\xa9") != std::string_view::npos;
}

bool IsGood(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && !HasControls(name) &&
         arrow::util::ValidateUTF8(name);
}

/// The first value if it is good, else empty.
std::string Take(const grpc::AuthContext& context, const char* property) {
  const std::vector<grpc::string_ref> values = context.FindPropertyValues(property);
  if (values.empty() || !IsGood(View(values[0]))) return {};
  return std::string(View(values[0]));
}

/// In a subject as RFC 2253 writes it, where a backslash precedes each separator that is none.
int CountCommonNames(std::string_view subject) {
  int count = 0;
  bool begins = true;  // an attribute
  for (size_t i = 0; i < subject.size(); ++i) {
    if (begins && subject.substr(i, 3) == "CN=") ++count;
    begins = subject[i] == ',' || subject[i] == '+';
    if (subject[i] == '\\') ++i;
  }
  return count;
}

std::vector<std::string> TakeAlternativeNames(const grpc::AuthContext& context) {
  std::vector<std::string> names;
  for (const char* property : {GRPC_PEER_DNS_PROPERTY_NAME, GRPC_PEER_URI_PROPERTY_NAME,
                               GRPC_PEER_IP_PROPERTY_NAME, GRPC_PEER_EMAIL_PROPERTY_NAME}) {
    for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
      if (names.size() == kMaxAlternativeNames) return names;
      if (IsGood(View(value))) names.emplace_back(View(value));
    }
  }
  return names;
}

bool IsTls(const grpc::AuthContext& context) {
  const auto types = context.FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  return types.size() == 1 && (View(types[0]) == GRPC_SSL_TRANSPORT_SECURITY_TYPE ||
                               View(types[0]) == GRPC_TLS_TRANSPORT_SECURITY_TYPE);
}

}  // namespace

std::optional<PeerCertificate> ReadPeerCertificate(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated() || !IsTls(context)) return std::nullopt;
  if (context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME).empty()) return std::nullopt;
  arrow::util::InitializeUTF8();  // no more than once does it do anything
  PeerCertificate certificate;
  const auto subject = context.FindPropertyValues(GRPC_X509_SUBJECT_PROPERTY_NAME);
  certificate.subject = Take(context, GRPC_X509_SUBJECT_PROPERTY_NAME);
  if (!subject.empty() && CountCommonNames(View(subject[0])) == 1) {
    certificate.common_name = Take(context, GRPC_X509_CN_PROPERTY_NAME);
  }
  certificate.alternative_names = TakeAlternativeNames(context);
  return certificate;
}

std::optional<PeerCertificate> ReadPeerCertificate(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> authentication = context.auth_context();
  if (authentication == nullptr) return std::nullopt;
  return ReadPeerCertificate(*authentication);
}

}  // namespace longbow::transport
