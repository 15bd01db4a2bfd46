#include "access/jwt_key_material.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <longbow/error.h>

#include "access/dropped_errors.h"
#include "base/freeing.h"

namespace longbow::access {
namespace {

constexpr size_t kMaxPemBytes = 64 * 1024;
constexpr size_t kP256Bytes = 32;

using Bio = std::unique_ptr<BIO, Freeing<&BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freeing<&X509_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Freeing<&EVP_PKEY_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Freeing<&BN_clear_free>>;

arrow::Status Bad(std::string message) {
  return MakeError(ErrorCode::kBadArgument, std::move(message));
}

// One block of a PEM text: its type, and its bytes.
struct Block {
  std::string type;
  std::string bytes;
};

bool ReadBlock(BIO* bio, Block* block) {
  char* type = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  long size = 0;  // NOLINT(google-runtime-int): OpenSSL's type
  if (PEM_read_bio(bio, &type, &header, &bytes, &size) != 1) return false;
  block->type = type;
  block->bytes.assign(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(type);
  OPENSSL_free(header);
  OPENSSL_clear_free(bytes, static_cast<size_t>(size));
  return true;
}

arrow::Result<Block> OnlyBlock(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) {
    return Bad("is longer than " + std::to_string(kMaxPemBytes) + " bytes");
  }
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Block block;
  if (bio == nullptr || !ReadBlock(bio.get(), &block)) return Bad("is no PEM text");
  if (block.type.ends_with("PRIVATE KEY")) {
    return Bad("is a private key: who has it can make tokens; give the public key only");
  }
  Block second;
  if (ReadBlock(bio.get(), &second)) {
    // The second one of a chain would be an authority's key, which signs no tokens.
    return Bad("holds more than one key or certificate: give each by itself");
  }
  return block;
}

PublicKey Decode(const Block& block) {
  const auto* next = reinterpret_cast<const unsigned char*>(block.bytes.data());
  const auto size = static_cast<long>(block.bytes.size());  // NOLINT(google-runtime-int)
  if (block.type == PEM_STRING_PUBLIC) return PublicKey(d2i_PUBKEY(nullptr, &next, size));
  if (block.type == PEM_STRING_RSA_PUBLIC) {
    return PublicKey(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &next, size));
  }
  if (block.type != PEM_STRING_X509) return nullptr;
  const Certificate certificate(d2i_X509(nullptr, &next, size));
  return PublicKey(certificate == nullptr ? nullptr : X509_get_pubkey(certificate.get()));
}

// Padded with zeros on the left to `min_bytes`; empty where the key has no such number.
std::string NumberOf(const EVP_PKEY* key, const char* name, size_t min_bytes) {
  BIGNUM* found = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &found) != 1) return {};
  const BigNumber number(found);
  std::string bytes(std::max(static_cast<size_t>(BN_num_bytes(number.get())), min_bytes), '\0');
  if (BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                   static_cast<int>(bytes.size())) < 0) {
    return {};
  }
  return bytes;
}

// By name: a curve that is written out number by number could be any.
bool IsP256(const EVP_PKEY* key) {
  char name[64] = {};
  size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), &size) !=
      1) {
    return false;
  }
  return std::string_view(name, size) == SN_X9_62_prime256v1;
}

}  // namespace

arrow::Result<PublicNumbers> ReadPemPublicKey(std::string_view pem) {
  const DroppedErrors dropped;
  ARROW_ASSIGN_OR_RAISE(const Block block, OnlyBlock(pem));
  const PublicKey key = Decode(block);
  if (key == nullptr) return Bad("is PEM, but no public key and no certificate that can be read");
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    return RsaNumbers{NumberOf(key.get(), OSSL_PKEY_PARAM_RSA_N, 0),
                      NumberOf(key.get(), OSSL_PKEY_PARAM_RSA_E, 0)};
  }
  if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    if (!IsP256(key.get())) return Bad("is an EC key of another curve; ES256 needs P-256");
    return EcPoint{NumberOf(key.get(), OSSL_PKEY_PARAM_EC_PUB_X, kP256Bytes),
                   NumberOf(key.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kP256Bytes)};
  }
  return Bad("is a key of another type; RSA and EC (P-256) can be used");
}

}  // namespace longbow::access
