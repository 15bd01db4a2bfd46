/// \file
/// Where spans go when they end.
#pragma once

#include <memory>

#include <longbow/clock.h>

#include "telemetry/span_data.h"
#include "telemetry/trace_options.h"

namespace longbow::telemetry {

/// Thread-safe; nothing blocks.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  /// Takes it, or drops and counts it. Throws nothing.
  virtual void Add(std::unique_ptr<SpanData> span) noexcept = 0;
  virtual const SpanLimits& limits() const = 0;
  virtual const Clock& clock() const = 0;
};

}  // namespace longbow::telemetry
