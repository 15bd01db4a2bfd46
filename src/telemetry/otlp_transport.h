/// \file
/// How the bytes of a request reach a collector: one try of it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <arrow/result.h>

#include <longbow/clock.h>

#include "telemetry/otlp_endpoint.h"
#include "telemetry/trace_options.h"

namespace longbow::telemetry {

/// What came of a try.
struct SendResult {
  arrow::Status status;
  bool may_retry = false;                                ///< of one that failed
  std::optional<std::chrono::milliseconds> retry_after;  ///< the collector's own wish
};

/// `Send` is called by one thread at a time, `Cancel` by any.
class OtlpTransport {
 public:
  virtual ~OtlpTransport() = default;
  /// Sends a request and reads the answer; blocks, but hardly longer than to `deadline`.
  virtual SendResult Send(const std::string& request, MonotonicTime deadline) = 0;
  /// Ends the `Send` that runs and all later ones, soon. Does not block.
  virtual void Cancel() = 0;
};

/// OTLP over gRPC. `clock` outlives it. Errors: BAD_ARGUMENT for a certificate that cannot be read.
arrow::Result<std::unique_ptr<OtlpTransport>> MakeOtlpGrpcTransport(const OtlpOptions& options,
                                                                    const OtlpEndpoint& endpoint,
                                                                    const Clock* clock);
/// OTLP as protobuf over HTTP/1.1. As above.
arrow::Result<std::unique_ptr<OtlpTransport>> MakeOtlpHttpTransport(const OtlpOptions& options,
                                                                    const OtlpEndpoint& endpoint,
                                                                    const Clock* clock);

/// The whole of a PEM file, for both. Errors: BAD_ARGUMENT where it cannot be read, is empty or too
/// large, or holds no PEM.
arrow::Result<std::string> ReadPemFile(const std::string& path);

}  // namespace longbow::telemetry
