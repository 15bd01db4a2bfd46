#include "access/jwt_test_key.h"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base64.h"

namespace longbow::access {
namespace {

void Must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "OpenSSL failed: %s\n", what);
  std::abort();
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// What `write` puts into a BIO.
template <typename Write>
std::string PemOf(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  Must(write(bio) == 1, "writing PEM");
  char* data = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(bio, &data));
  std::string text(data, size);
  BIO_free(bio);
  return text;
}

// An ECDSA signature as JWS writes it: both numbers, 32 bytes each.
std::string RawSignature(const std::string& der) {
  const unsigned char* next = Bytes(der);
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(der.size()));
  Must(signature != nullptr, "an ECDSA signature");
  std::string raw(64, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  Must(BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32) == 32, "r");
  Must(BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32) == 32, "s");
  ECDSA_SIG_free(signature);
  return raw;
}

}  // namespace

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text = EncodeBase64(bytes);
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

void JwtTestKey::Release::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

JwtTestKey JwtTestKey::Rsa(int bits, unsigned exponent) { return RsaOfType("RSA", bits, exponent); }

JwtTestKey JwtTestKey::RsaPss() { return RsaOfType("RSA-PSS", 2048, 65537); }

JwtTestKey JwtTestKey::RsaOfType(const char* type, int bits, unsigned exponent) {
  JwtTestKey key;
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
  auto size = static_cast<size_t>(bits);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &size),
      OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY* made = nullptr;
  Must(EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_params(context, params) == 1 &&
           EVP_PKEY_generate(context, &made) == 1,
       "an RSA key");
  EVP_PKEY_CTX_free(context);
  key.key_.reset(made);
  return key;
}

JwtTestKey JwtTestKey::Ec(const char* curve) {
  JwtTestKey key;
  key.key_.reset(EVP_EC_gen(curve));
  Must(key.key_ != nullptr, "an EC key");
  return key;
}

JwtTestKey JwtTestKey::Ed25519() {
  JwtTestKey key;
  key.key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  Must(key.key_ != nullptr, "an Ed25519 key");
  return key;
}

JwtTestKey JwtTestKey::Secret(std::string secret) {
  JwtTestKey key;
  key.secret_ = std::move(secret);
  return key;
}

std::string JwtTestKey::public_pem() const {
  return PemOf([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key_.get()); });
}

std::string JwtTestKey::private_pem() const {
  return PemOf([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string JwtTestKey::pkcs1_pem() const {
  unsigned char* der = nullptr;
  const int size = i2d_PublicKey(key_.get(), &der);
  Must(size > 0, "PKCS #1");
  std::string pem =
      PemOf([&](BIO* bio) { return PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, size) > 0; });
  OPENSSL_free(der);
  return pem;
}

std::string JwtTestKey::certificate_pem() const {
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, Bytes("issuer.example"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key_.get());
  Must(X509_sign(certificate, key_.get(), EVP_sha256()) > 0, "a certificate");
  std::string pem = PemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  X509_free(certificate);
  return pem;
}

std::string JwtTestKey::Number(const char* name) const {
  BIGNUM* number = nullptr;
  Must(EVP_PKEY_get_bn_param(key_.get(), name, &number) == 1, name);
  int size = BN_num_bytes(number);
  if (EVP_PKEY_is_a(key_.get(), "EC") == 1) size = (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
  std::string bytes(static_cast<size_t>(size), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), size);
  BN_free(number);
  return EncodeBase64Url(bytes);
}

std::string JwtTestKey::jwk() const {
  if (key_ == nullptr) return R"("kty":"oct","k":")" + EncodeBase64Url(secret_) + "\"";
  if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
    return R"("kty":"RSA","n":")" + Number("n") + R"(","e":")" + Number("e") + "\"";
  }
  const std::string curve = "P-" + std::to_string(EVP_PKEY_get_bits(key_.get()));
  return R"("kty":"EC","crv":")" + curve + R"(","x":")" + Number("qx") + R"(","y":")" +
         Number("qy") + "\"";
}

std::string JwtTestKey::Signature(std::string_view input) const {
  if (key_ == nullptr) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), Bytes(input), input.size(),
         digest, &size);
    return EncodeBase64Url({reinterpret_cast<const char*>(digest), size});
  }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  size_t size = 0;
  Must(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestSign(context, nullptr, &size, Bytes(input), input.size()) == 1,
       "the size of a signature");
  std::string signature(size, '\0');
  Must(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                      Bytes(input), input.size()) == 1,
       "a signature");
  signature.resize(size);
  EVP_MD_CTX_free(context);
  return EncodeBase64Url(EVP_PKEY_is_a(key_.get(), "EC") == 1 ? RawSignature(signature)
                                                              : signature);
}

std::string JwtTestKey::Sign(std::string_view header, std::string_view claims) const {
  const std::string input = EncodeBase64Url(header) + "." + EncodeBase64Url(claims);
  return input + "." + Signature(input);
}

}  // namespace longbow::access
