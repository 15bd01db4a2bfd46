#include "transport/tls_check.h"

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <longbow/error.h>

namespace longbow::transport {
namespace {

template <auto Free>
struct Freeing {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freeing<&BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freeing<&X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freeing<&EVP_PKEY_free>>;

Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// The first certificate; null where there is none.
Certificate ReadCertificate(const std::string& pem) {
  const Bio bio = Memory(pem);
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

/// A key that needs a password is none: nobody is there to type it.
PrivateKey ReadPrivateKey(const std::string& pem) {
  const Bio bio = Memory(pem);
  std::string no_password;
  return PrivateKey(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_password.data()));
}

arrow::Status Wrong(const std::string& what) {
  ERR_clear_error();
  return MakeError(ErrorCode::kBadArgument, "TLS cannot be used: " + what);
}

}  // namespace

arrow::Status CheckTls(const TlsOptions& tls) {
  const Certificate certificate = ReadCertificate(tls.certificate_pem);
  if (!certificate) return Wrong("the certificate is no PEM text of an X.509 certificate");
  const PrivateKey key = ReadPrivateKey(tls.private_key_pem);
  if (!key) return Wrong("the private key is no PEM text of a key, or is encrypted");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("the private key is not that of the certificate");
  }
  if (!tls.client_root_pem.empty() && !ReadCertificate(tls.client_root_pem)) {
    return Wrong("the clients' root certificate is no PEM text of an X.509 certificate");
  }
  return arrow::Status::OK();
}

}  // namespace longbow::transport
