/// \file
/// Spans to a collector by OTLP: encodes a batch once, and sends it until it is taken or its time
/// is over.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <arrow/result.h>

#include "telemetry/otlp_transport.h"
#include "telemetry/span_exporter.h"
#include "telemetry/trace.h"
#include "telemetry/trace_options.h"

namespace longbow::telemetry {

/// How long to wait between two tries: at random between half of it and all of it, twice as long
/// each time. A collector that names a time is not asked before it.
struct OtlpRetryOptions {
  int64_t initial_backoff_ms = 1000;
  int64_t max_backoff_ms = 5000;
};

struct OtlpExporterOptions {
  std::string service_name;
  TextPairs resource_attributes;
  int64_t timeout_ms = 10'000;  ///< for one try; 0: as long as the batch has
  OtlpRetryOptions retry;
  std::string destination;  ///< for log lines
  TextPairs headers;        ///< taken out of what the collector says
};

std::unique_ptr<SpanExporter> MakeOtlpExporterWith(OtlpExporterOptions options,
                                                   const TracerParts& parts,
                                                   std::unique_ptr<OtlpTransport> transport);

/// With the transport that the options say. Errors: BAD_ARGUMENT where the endpoint, a header or a
/// certificate cannot be used.
arrow::Result<std::unique_ptr<SpanExporter>> MakeOtlpExporter(const TracerOptions& options,
                                                              const TracerParts& parts);

}  // namespace longbow::telemetry
