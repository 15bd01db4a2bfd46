/// \file
/// OTLP's messages: spans to bytes, and a collector's answers to values. Pure and thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/status.h>

#include "telemetry/span_exporter.h"
#include "telemetry/trace_options.h"

namespace longbow::telemetry {

/// The bytes of the request that sends `batch`. Text that is not UTF-8 is made so.
std::string EncodeExportRequest(const SpanBatch& batch, const std::string& service_name,
                                const TextPairs& resource_attributes);

/// What the collector's answer says of a batch that it took: OK, or that it rejected some of the
/// spans. Bytes that are no such message count as OK, since the call itself succeeded.
arrow::Status CheckExportResponse(std::string_view response);

/// How long a collector wants not to be asked, from the bytes of `grpc-status-details-bin`; none
/// where it does not say.
std::optional<std::chrono::milliseconds> ReadRetryDelay(std::string_view status_details);

}  // namespace longbow::telemetry
