/// \file
/// The keys that tokens may be signed with, and whether a token (a JWT in JWS compact form) is.
///
/// What is accepted as such a form: three parts of base64url without padding, spaces or other
/// bytes, of which none is empty. Of the signature's last character the bits that belong to no byte
/// are not looked at (nor are they by cjose), so a token can be written in several ways; none of
/// them says anything that its signer has not signed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

namespace longbow::access {

struct JwtKey;

/// Where keys come from. Reading files is the caller's work.
struct JwtKeySource {
  enum class Kind {
    kPem,     ///< one public key or certificate: RS256 or ES256
    kSecret,  ///< a secret for HS256, byte for byte
    kJwks,    ///< a JSON Web Key Set
  };
  Kind kind = Kind::kPem;
  std::string name;  ///< for errors: the setting, or the file
  std::string text;
};

/// Immutable and thread-safe; nothing blocks.
class JwtKeys {
 public:
  static constexpr size_t kMaxTokenBytes = 16 * 1024;
  static constexpr size_t kMaxJwksBytes = 1024 * 1024;
  static constexpr size_t kMaxKeys = 256;
  /// How many keys are tried for one token.
  static constexpr size_t kMaxTries = 16;
  /// Nesting of a token's JSON, and of a JWKS.
  static constexpr int kMaxJsonDepth = 16;

  /// Errors: BAD_ARGUMENT, naming the source, and in a JWKS the key's place, never a value; for
  /// malformed and weak keys, private ones, none at all, too many.
  static arrow::Result<std::shared_ptr<const JwtKeys>> Make(
      const std::vector<JwtKeySource>& sources);
  JwtKeys(const JwtKeys&) = delete;
  JwtKeys& operator=(const JwtKeys&) = delete;
  ~JwtKeys();

  /// What the token claims (a JSON text), if one of the keys has signed it. The algorithm must be
  /// that of the key's type. With a `kid`, only the keys of that name are tried; where there is
  /// none of that name, those that have no name (a PEM or a secret has none); else the token is
  /// refused. Errors: UNAUTHENTICATED, with a message that shows nothing of the token.
  arrow::Result<std::string> Verify(std::string_view token) const;

  size_t size() const;
  /// A sentence for each key of a JWKS that is for something else, and thus not used: for a log
  /// line.
  const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  JwtKeys();
  arrow::Status Add(const JwtKeySource& source);
  arrow::Status AddJwks(const JwtKeySource& source);

  std::vector<JwtKey> keys_;
  std::vector<std::string> skipped_;
};

}  // namespace longbow::access
