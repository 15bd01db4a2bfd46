/// \file
/// Keys that tests make when they run, and tokens signed with them by OpenSSL, not by the library
/// under test.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace longbow::access {

/// Base64url without padding.
std::string EncodeBase64Url(std::string_view bytes);

/// A pair of keys, or a secret. Immutable; a failure to make one ends the process.
class JwtTestKey {
 public:
  static JwtTestKey Rsa(int bits, unsigned exponent = 65537);
  static JwtTestKey RsaPss();
  /// \param curve as OpenSSL calls it: `P-256`
  static JwtTestKey Ec(const char* curve);
  static JwtTestKey Ed25519();
  static JwtTestKey Secret(std::string secret);

  std::string public_pem() const;
  std::string private_pem() const;
  /// `BEGIN RSA PUBLIC KEY`
  std::string pkcs1_pem() const;
  /// Self-signed.
  std::string certificate_pem() const;
  const std::string& secret() const { return secret_; }
  /// The members of a public JWK (or those of the secret) without braces, to which others can be
  /// added: `"kty":"RSA","n":"...","e":"AQAB"`.
  std::string jwk() const;

  /// Base64url of RS256, ES256 or HS256, as the key's type asks for.
  std::string Signature(std::string_view input) const;
  /// The whole token. Neither text has to be JSON.
  std::string Sign(std::string_view header, std::string_view claims) const;

 private:
  struct Release {
    void operator()(evp_pkey_st* key) const;
  };
  JwtTestKey() = default;
  static JwtTestKey RsaOfType(const char* type, int bits, unsigned exponent);
  std::string Number(const char* name) const;

  std::unique_ptr<evp_pkey_st, Release> key_;
  std::string secret_;
};

}  // namespace longbow::access
