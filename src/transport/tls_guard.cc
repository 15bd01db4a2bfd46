#include "transport/tls_guard.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "transport/tls_names.h"

namespace longbow::transport {
namespace {

// OpenSSL's way to tell has no place for an object of ours that would know.
thread_local bool next_is_ours = false;

int Verify(X509_STORE_CTX* verification, void* /*unused*/) {
  const int verified = X509_verify_cert(verification);
  if (verified != 1) return verified;
  // Only a certificate that an authority has signed is looked into.
  if (HasReadableNames(X509_STORE_CTX_get0_cert(verification))) return 1;
  X509_STORE_CTX_set_error(verification, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
  return 0;
}

void OnNewContext(void* context, void* /*value*/, CRYPTO_EX_DATA* /*values*/, int /*index*/,
                  long /*number*/, void* /*pointer*/) {  // NOLINT(google-runtime-int): OpenSSL's
  if (!next_is_ours) return;
  next_is_ours = false;
  SSL_CTX_set_cert_verify_callback(static_cast<SSL_CTX*>(context), &Verify, nullptr);
}

}  // namespace

void GuardNextTlsContext() {
  // OpenSSL keeps it for as long as the process runs: once is enough.
  static const int index =
      SSL_CTX_get_ex_new_index(0, nullptr, &OnNewContext, /*dup=*/nullptr, /*free=*/nullptr);
  next_is_ours = index >= 0;
}

void GuardNoTlsContext() { next_is_ours = false; }

}  // namespace longbow::transport
