/// \file
/// Certificates for tests, made while they run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

/// OpenSSL's certificate.
struct x509_st;

namespace longbow::transport {

/// PEM texts.
struct TestIdentity {
  std::string certificate_pem;
  std::string private_key_pem;
};

struct TestIdentitySpec {
  std::string common_name = "localhost";
  /// As OpenSSL's configuration writes them, such as `DNS:localhost,IP:127.0.0.1`; empty: none.
  std::string alternative_names = "DNS:localhost";
  std::string extended_key_usage = {};  ///< such as `clientAuth`; empty: none
  bool is_authority = true;
  /// From now.
  int64_t begins_sec = -3600;
  int64_t ends_sec = 3600;
  /// `P-256` and other curves, `ED25519`, or the bits of an RSA key.
  std::string key = "P-256";
  /// Called before the certificate is signed; may be null.
  std::function<void(x509_st*)> change = nullptr;
};

/// A certificate that signs itself, or is signed by `issuer`. Ends the test program where OpenSSL
/// refuses.
TestIdentity MakeTestIdentity(const TestIdentitySpec& spec = {},
                              const TestIdentity* issuer = nullptr);

/// Alternative names that OpenSSL's configuration has no way to write: `bytes` as they are, as a
/// name of `kind`, such as `GEN_DNS`.
void SetAlternativeName(x509_st* certificate, int kind, const std::string& bytes);

/// `identity`'s private key, encrypted with a password.
std::string EncryptedKey(const TestIdentity& identity);

}  // namespace longbow::transport
