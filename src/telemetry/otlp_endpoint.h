/// \file
/// Where a collector is, from the endpoint of the options, and what may be sent as a header to it.
/// Pure and thread-safe.
#pragma once

#include <string>

#include <arrow/result.h>

#include "telemetry/trace_options.h"

namespace longbow::telemetry {

struct OtlpEndpoint {
  bool tls = false;
  std::string host;     ///< without brackets; empty for a target that only gRPC understands
  int port = 0;         ///< 0 with such a target
  std::string path;     ///< of HTTP, with its `/`; with the query, if there is one
  std::string target;   ///< of gRPC
  std::string display;  ///< for log lines: no path, since some collectors have a key there
};

/// Reads the endpoint, or the protocol's default where there is none.
/// Errors: BAD_ARGUMENT, with a text that does not show it.
arrow::Result<OtlpEndpoint> ResolveOtlpEndpoint(const OtlpOptions& options);

/// Whether a header can be sent with HTTP and with gRPC, and is not one of their own.
/// Errors: BAD_ARGUMENT, with a text that does not show the value.
arrow::Status CheckOtlpHeader(const std::string& name, const std::string& value);

}  // namespace longbow::telemetry
