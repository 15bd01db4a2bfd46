/// \file
/// Spans as JSON lines on a file descriptor, for development and for tests.
///
/// A line is an object with `name`, `kind`, `service`, `traceId`, `spanId`, `parentSpanId` (not in
/// a root), `startTimeUnixNano`, `endTimeUnixNano`, `attributes`, `events` and `error` (only of a
/// span that failed).
#pragma once

#include <memory>
#include <string>

#include <longbow/clock.h>

#include "telemetry/span_exporter.h"

namespace longbow::telemetry {

struct ConsoleOptions {
  int fd = 1;  ///< not owned
  std::string service_name;
};

/// `clock` outlives it. A reader that is slow is waited for until the batch's deadline.
std::unique_ptr<SpanExporter> MakeConsoleExporter(const ConsoleOptions& options,
                                                  const Clock* clock);

}  // namespace longbow::telemetry
