/// \file
/// One key that verifies JWTs: read, and refused where it is weak. Used by `JwtKeys` only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/result.h>

#include <longbow/value.h>

struct _cjose_jwk_int;  // NOLINT(bugprone-reserved-identifier): cjose's key

namespace longbow::access {

/// Each belongs to one type of key, and is the only one that such a key verifies.
enum class JwtAlgorithm { kHs256, kRs256, kEs256 };

/// As in a token's header: `RS256`.
std::string_view AlgorithmName(JwtAlgorithm algorithm);
/// Nothing for `none` and every other one. Case counts.
std::optional<JwtAlgorithm> AlgorithmOf(std::string_view name);

/// Wipes a secret before its memory is given back.
struct JwkRelease {
  void operator()(_cjose_jwk_int* key) const;
};

/// Immutable; verifying with it is thread-safe.
struct JwtKey {
  JwtAlgorithm algorithm;
  std::optional<std::string> kid;
  size_t signature_bytes = 0;  ///< of each signature by this key
  std::unique_ptr<_cjose_jwk_int, JwkRelease> jwk;
};

inline constexpr size_t kMinSecretBytes = 32;
inline constexpr size_t kMinRsaBits = 2048;
/// Verifying takes time that grows with the square of the size.
inline constexpr size_t kMaxRsaBits = 8192;

/// The bytes of strict base64url: only its alphabet, no padding, no bits left over. Nothing where
/// it is not. \param text of any content
std::optional<std::string> DecodeBase64Url(std::string_view text);
/// Whether all of `text` is of base64url's alphabet and it has a length that can be.
bool IsBase64Url(std::string_view text);

/// From PEM: one public key (`PUBLIC KEY`, `RSA PUBLIC KEY`) or one certificate, whose dates are
/// not looked at. Errors: BAD_ARGUMENT with the end of a sentence, such as `is no PEM text`; also
/// for a private key, more than one key, an RSA key under 2048 bits, a curve other than P-256.
arrow::Result<JwtKey> JwtKeyFromPem(std::string_view pem);

/// From a secret for HMAC, byte for byte as given. Errors: as above; a secret under 32 bytes, and
/// one that is a PEM text or a JSON object: a public key is no secret.
arrow::Result<JwtKey> JwtKeyFromSecret(std::string_view secret);

/// From a member of a JWKS. Nothing, and the reason in `skipped`, where the key is for something
/// else (encryption, another algorithm, a curve other than P-256).
/// Errors: as above; members that are missing or malformed, a private key.
arrow::Result<std::optional<JwtKey>> JwtKeyFromJwk(const Value& jwk, std::string* skipped);

}  // namespace longbow::access
