/// \file
/// Finds out what is wrong with a server's identity: gRPC would start, and fail each handshake.
/// Pure functions, for any thread.
#pragma once

#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/clock.h>

#include "transport/server.h"

namespace longbow::transport {

/// Errors: BAD_ARGUMENT, with a sentence that names no secret, where
/// - a text is no PEM, is damaged, too large, or holds too many certificates;
/// - the certificates are not in their order: the server's own, then each one's issuer;
/// - one of them is not valid at `now`, or the first is not meant for a server;
/// - the private key is encrypted, of a kind that TLS does not use, or not the certificate's;
/// - all of the clients' root certificates have expired.
arrow::Status CheckTls(const TlsOptions& tls, WallTime now);

/// When the first of a chain's certificates expires; the end of time where that is too far away to
/// be said. Errors: BAD_ARGUMENT for what is no PEM text of certificates.
arrow::Result<WallTime> CertificateExpiry(const std::string& certificate_pem);

}  // namespace longbow::transport
