/// \file
/// Where batches of spans go: a collector, or a console.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/status.h>

#include <longbow/clock.h>

#include "telemetry/span_data.h"

namespace longbow::telemetry {

using SpanBatch = std::vector<std::unique_ptr<SpanData>>;

/// `Export` is called by one thread at a time, `Cancel` by any.
class SpanExporter {
 public:
  virtual ~SpanExporter() = default;
  /// Sends all of `batch`; blocks, but hardly longer than to `deadline`. An error says why the
  /// collector did not take all of it, and shows no secret.
  virtual arrow::Status Export(const SpanBatch& batch, MonotonicTime deadline) = 0;
  /// Ends the `Export` that runs and all later ones, soon and without success. Does not block.
  virtual void Cancel() = 0;
  /// Where the spans go, for log lines: without path or secret.
  virtual std::string destination() const = 0;
};

}  // namespace longbow::telemetry
