/// \file
/// Finds out what is wrong with a server's identity: gRPC would start, and fail each handshake.
#pragma once

#include <arrow/status.h>

#include "transport/server.h"

namespace longbow::transport {

/// Errors: BAD_ARGUMENT for a text that is no PEM, or a private key that is not the certificate's.
arrow::Status CheckTls(const TlsOptions& tls);

}  // namespace longbow::transport
