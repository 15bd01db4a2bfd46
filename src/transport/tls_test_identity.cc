#include "transport/tls_test_identity.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace longbow::transport {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

void Require(bool good) {
  if (!good) std::abort();
}

template <typename Write>
std::string Pem(const Write& write) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  Require(write(bio.get()) == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

Bio Memory(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free_all};
}

Key MakeKey(const std::string& kind) {
  EVP_PKEY* key = nullptr;
  if (kind == "ED25519") {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  } else if (kind.starts_with("P-")) {
    key = EVP_EC_gen(kind.c_str());
  } else {
    key = EVP_RSA_gen(std::stoul(kind));
  }
  Require(key != nullptr);
  return {key, &EVP_PKEY_free};
}

Key ReadKey(const std::string& pem) {
  return {PEM_read_bio_PrivateKey(Memory(pem).get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  if (value.empty()) return;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

void Fill(const TestIdentitySpec& spec, X509* certificate) {
  static std::atomic<int> last_serial{0};
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++last_serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.begins_sec);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.ends_sec);
  Require(
      X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(spec.common_name.data()),
                                 static_cast<int>(spec.common_name.size()), -1, 0) == 1);
  AddExtension(certificate, NID_basic_constraints, spec.is_authority ? "CA:TRUE" : "CA:FALSE");
  AddExtension(certificate, NID_subject_alt_name, spec.alternative_names);
  AddExtension(certificate, NID_ext_key_usage, spec.extended_key_usage);
}

}  // namespace

TestIdentity MakeTestIdentity(const TestIdentitySpec& spec, const TestIdentity* issuer) {
  const Key key = MakeKey(spec.key);
  const Certificate certificate(X509_new(), &X509_free);
  Fill(spec, certificate.get());
  X509_set_pubkey(certificate.get(), key.get());
  Key issuers_key(nullptr, &EVP_PKEY_free);
  Certificate issuers(nullptr, &X509_free);
  if (issuer != nullptr) {
    issuers.reset(
        PEM_read_bio_X509(Memory(issuer->certificate_pem).get(), nullptr, nullptr, nullptr));
    issuers_key = ReadKey(issuer->private_key_pem);
    Require(issuers != nullptr && issuers_key != nullptr);
  }
  if (spec.change) spec.change(certificate.get());
  X509_set_issuer_name(certificate.get(),
                       X509_get_subject_name(issuers ? issuers.get() : certificate.get()));
  EVP_PKEY* signer = issuers_key ? issuers_key.get() : key.get();
  const bool hashes_itself = EVP_PKEY_is_a(signer, "ED25519") == 1;
  Require(X509_sign(certificate.get(), signer, hashes_itself ? nullptr : EVP_sha256()) != 0);
  return {Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }),
          Pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

void SetAlternativeName(X509* certificate, int kind, const std::string& bytes) {
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_STRING* text = kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size()));
  GENERAL_NAME_set0_value(name, kind, text);
  sk_GENERAL_NAME_push(names, name);
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE);
  GENERAL_NAMES_free(names);
}

std::string EncryptedKey(const TestIdentity& identity) {
  const Key key = ReadKey(identity.private_key_pem);
  const std::string password = "correct horse";
  return Pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
}

}  // namespace longbow::transport
