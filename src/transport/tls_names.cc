#include "transport/tls_names.h"

#include <memory>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace longbow::transport {
namespace {

bool IsReadable(const ASN1_STRING* text) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  OPENSSL_free(utf8);
  return size >= 0;
}

bool IsReadable(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
      return IsReadable(name->d.ia5);
    case GEN_IPADD: {
      const int size = ASN1_STRING_length(name->d.iPAddress);
      return size == 4 || size == 16;
    }
    default:
      return true;
  }
}

bool HasReadableSubject(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  if (subject == nullptr) return false;
  // What cannot be written down whole would be taken for a shorter name.
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> nowhere(BIO_new(BIO_s_null()), &BIO_free_all);
  if (nowhere == nullptr ||
      X509_NAME_print_ex(nowhere.get(), subject, /*indent=*/0, XN_FLAG_RFC2253) < 0) {
    return false;
  }
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    if (!IsReadable(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))) return false;
  }
  return true;
}

bool HasReadableAlternativeNames(const X509* certificate) {
  int critical = 0;
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)),
      &GENERAL_NAMES_free);
  // -1: there are none.
  if (names == nullptr) return critical == -1;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (!IsReadable(sk_GENERAL_NAME_value(names.get(), i))) return false;
  }
  return true;
}

}  // namespace

bool HasReadableNames(const x509_st* certificate) {
  ERR_set_mark();
  const bool readable = HasReadableSubject(certificate) && HasReadableAlternativeNames(certificate);
  ERR_pop_to_mark();
  return readable;
}

}  // namespace longbow::transport
