/// \file
/// The numbers of a public key in PEM. Used by `JwtKey` only. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include <arrow/result.h>

namespace longbow::access {

/// Big-endian bytes, as in a JWK.
struct RsaNumbers {
  std::string n;
  std::string e;
};

/// Of P-256; 32 bytes each.
struct EcPoint {
  std::string x;
  std::string y;
};

using PublicNumbers = std::variant<RsaNumbers, EcPoint>;

/// Of the one public key or certificate in `pem`. Leaves nothing in OpenSSL's queue of errors,
/// which TLS on the same thread would take for its own. Errors: BAD_ARGUMENT with the end of a
/// sentence.
arrow::Result<PublicNumbers> ReadPemPublicKey(std::string_view pem);

}  // namespace longbow::access
