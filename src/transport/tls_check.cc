#include "transport/tls_check.h"

#include <ctime>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <longbow/error.h>

#include "base/freeing.h"
#include "transport/tls_names.h"

namespace longbow::transport {
namespace {

constexpr size_t kMaxPemBytes = size_t{1} << 20;
// More than ten are no chain that a client would follow.
constexpr size_t kMaxChain = 10;
constexpr size_t kMaxRoots = 1000;

using Bio = std::unique_ptr<BIO, Freeing<&BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freeing<&X509_free>>;
using Certificates = std::vector<Certificate>;
using Context = std::unique_ptr<SSL_CTX, Freeing<&SSL_CTX_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freeing<&EVP_PKEY_free>>;

Bio Memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

arrow::Status Wrong(const std::string& what) {
  ERR_clear_error();
  return MakeError(ErrorCode::kBadArgument, "TLS cannot be used: " + what);
}

/// What gRPC can be handed: it takes C strings.
arrow::Status CheckText(const std::string& what, const std::string& pem) {
  if (pem.size() > kMaxPemBytes) return Wrong(what + " is longer than 1 MiB");
  if (pem.find('\0') != std::string::npos) return Wrong(what + " is no text: it has a zero byte");
  return arrow::Status::OK();
}

/// Reads one more; null at the end. The blocks in between that are no certificate are passed over.
using Read = X509* (*)(BIO*, X509**, pem_password_cb*, void*);

struct Wanted {
  std::string what;  ///< begins sentences
  Read first;
  Read next;
  size_t limit;
};

/// gRPC reads the same way, but takes a damaged block for the end.
arrow::Result<Certificates> ReadCertificates(const Wanted& wanted, const std::string& pem) {
  ARROW_RETURN_NOT_OK(CheckText(wanted.what, pem));
  ERR_clear_error();
  const Bio bio = Memory(pem);
  Certificates certificates;
  while (true) {
    const Read read = certificates.empty() ? wanted.first : wanted.next;
    std::string no_password;
    Certificate certificate(read(bio.get(), nullptr, nullptr, no_password.data()));
    if (!certificate) break;
    if (certificates.size() == wanted.limit) {
      return Wrong(wanted.what + " has more than " + std::to_string(wanted.limit) +
                   " certificates");
    }
    certificates.push_back(std::move(certificate));
  }
  if (certificates.empty()) {
    return Wrong(wanted.what + " is no PEM text of an X.509 certificate");
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Wrong(wanted.what + " is damaged: its certificate " +
                 std::to_string(certificates.size() + 1) + " cannot be read");
  }
  ERR_clear_error();
  return certificates;
}

arrow::Result<Certificates> ReadChain(const std::string& pem) {
  return ReadCertificates(
      {"the certificate", &PEM_read_bio_X509_AUX, &PEM_read_bio_X509, kMaxChain}, pem);
}

/// Which of a chain, for people.
std::string Place(size_t index) {
  return index == 0 ? "the certificate"
                    : "certificate " + std::to_string(index + 1) + " of the chain";
}

std::string TextOf(const ASN1_TIME* time) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (ASN1_TIME_print_ex(bio.get(), time, ASN1_DTFLGS_ISO8601) != 1) return "an unreadable time";
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

bool HasExpired(const X509* certificate, std::time_t now) {
  // What cannot be read counts as over.
  return ASN1_TIME_cmp_time_t(X509_get0_notAfter(certificate), now) < 0;
}

arrow::Status CheckValidity(const Certificates& chain, std::time_t now) {
  for (size_t i = 0; i < chain.size(); ++i) {
    const X509* certificate = chain[i].get();
    if (HasExpired(certificate, now)) {
      return Wrong(Place(i) + " expired at " + TextOf(X509_get0_notAfter(certificate)) +
                   "; it needs to be renewed");
    }
    const int begins = ASN1_TIME_cmp_time_t(X509_get0_notBefore(certificate), now);
    if (begins > 0 || begins == -2) {
      return Wrong(Place(i) + " is valid only from " + TextOf(X509_get0_notBefore(certificate)) +
                   " on; is this machine's clock right?");
    }
  }
  return arrow::Status::OK();
}

arrow::Status CheckOrder(const Certificates& chain) {
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    X509* issuer = chain[i + 1].get();
    EVP_PKEY* key = X509_get0_pubkey(issuer);
    const bool signed_by_it = X509_check_issued(issuer, chain[i].get()) == X509_V_OK &&
                              key != nullptr && X509_verify(chain[i].get(), key) == 1;
    if (!signed_by_it) {
      return Wrong(Place(i + 1) +
                   " did not sign the one before it; the server's own certificate "
                   "comes first, and each is followed by its issuer");
    }
  }
  return arrow::Status::OK();
}

bool IsKindForTls(const EVP_PKEY* key) {
  for (const char* kind : {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"}) {
    if (EVP_PKEY_is_a(key, kind) == 1) return true;
  }
  return false;
}

arrow::Result<PrivateKey> ReadPrivateKey(const std::string& pem) {
  ARROW_RETURN_NOT_OK(CheckText("the private key", pem));
  // gRPC would not read a key, but load the library that such a text names.
  if (pem.starts_with("engine:")) {
    return Wrong("the private key is no PEM text of a key; OpenSSL's engines are not supported");
  }
  const Bio bio = Memory(pem);
  std::string no_password;
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_password.data()));
  if (key) return key;
  const bool encrypted = pem.find("BEGIN ENCRYPTED PRIVATE KEY") != std::string::npos ||
                         pem.find("Proc-Type: 4,ENCRYPTED") != std::string::npos;
  if (!encrypted) return Wrong("the private key is no PEM text of a key");
  return Wrong(
      "the private key is encrypted, and nobody is there to type its password; decrypt it with "
      "`openssl pkey`, or keep it in a secret store");
}

arrow::Status CheckKey(const Certificates& chain, EVP_PKEY* key) {
  if (!IsKindForTls(key)) {
    return Wrong(
        "the private key is of a kind that TLS does not use; RSA, EC and Ed25519 are good");
  }
  if (X509_check_private_key(chain[0].get(), key) == 1) return arrow::Status::OK();
  for (size_t i = 1; i < chain.size(); ++i) {
    if (X509_check_private_key(chain[i].get(), key) == 1) {
      return Wrong("the private key is that of " + Place(i) +
                   "; the server's own certificate comes first");
    }
  }
  return Wrong("the private key is not that of the certificate");
}

/// Whether OpenSSL uses them, by its level of security: keys that are too short, hashes that are
/// too weak.
arrow::Status CheckStrength(const Certificates& chain, EVP_PKEY* key) {
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) return Wrong("OpenSSL makes no context");
  const std::string end = " is too weak, or of a kind that OpenSSL does not use for TLS: ";
  const auto reason = [] {
    const char* text = ERR_reason_error_string(ERR_peek_last_error());
    return std::string(text == nullptr ? "no reason given" : text);
  };
  if (SSL_CTX_use_certificate(context.get(), chain[0].get()) != 1) {
    return Wrong(Place(0) + end + reason());
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key) != 1) {
    return Wrong("the private key" + end + reason());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) != 1) {
      return Wrong(Place(i) + end + reason());
    }
  }
  return arrow::Status::OK();
}

arrow::Status CheckPurpose(X509* certificate) {
  // gRPC reads its names, and ends the process where it cannot.
  if (!HasReadableNames(certificate)) {
    return Wrong("the certificate's subject or its alternative names are malformed");
  }
  if (X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, /*ca=*/0) != 1) {
    return Wrong(
        "the certificate is not meant for a server: its key usage, or extended key usage, "
        "does not say so");
  }
  return arrow::Status::OK();
}

arrow::Status CheckClientRoots(const std::string& pem, std::time_t now) {
  ARROW_ASSIGN_OR_RAISE(const Certificates roots,
                        ReadCertificates({"the clients' root certificate", &PEM_read_bio_X509_AUX,
                                          &PEM_read_bio_X509_AUX, kMaxRoots},
                                         pem));
  // Bundles hold old ones, too; those let no client in.
  for (const Certificate& root : roots) {
    if (!HasExpired(root.get(), now)) return arrow::Status::OK();
  }
  return Wrong("the clients' root certificates have all expired; no client could connect");
}

}  // namespace

arrow::Status CheckTls(const TlsOptions& tls, WallTime now) {
  const std::time_t now_sec = std::chrono::system_clock::to_time_t(now);
  ARROW_ASSIGN_OR_RAISE(const Certificates chain, ReadChain(tls.certificate_pem));
  ARROW_ASSIGN_OR_RAISE(const PrivateKey key, ReadPrivateKey(tls.private_key_pem));
  ARROW_RETURN_NOT_OK(CheckKey(chain, key.get()));
  ARROW_RETURN_NOT_OK(CheckOrder(chain));
  ARROW_RETURN_NOT_OK(CheckValidity(chain, now_sec));
  ARROW_RETURN_NOT_OK(CheckPurpose(chain[0].get()));
  ARROW_RETURN_NOT_OK(CheckStrength(chain, key.get()));
  if (!tls.client_root_pem.empty()) {
    ARROW_RETURN_NOT_OK(CheckClientRoots(tls.client_root_pem, now_sec));
  }
  ERR_clear_error();
  return arrow::Status::OK();
}

arrow::Result<WallTime> CertificateExpiry(const std::string& certificate_pem) {
  ARROW_ASSIGN_OR_RAISE(const Certificates chain, ReadChain(certificate_pem));
  WallTime earliest = WallTime::max();
  const std::time_t limit = std::chrono::system_clock::to_time_t(WallTime::max());
  for (size_t i = 0; i < chain.size(); ++i) {
    std::tm fields{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(chain[i].get()), &fields) != 1) {
      return Wrong(Place(i) + " does not say when it expires");
    }
    const std::time_t seconds = timegm(&fields);
    // The year 9999 stands for never, and is beyond what the clock can count.
    if (seconds >= limit) continue;
    earliest = std::min(earliest, std::chrono::system_clock::from_time_t(seconds));
  }
  return earliest;
}

}  // namespace longbow::transport
