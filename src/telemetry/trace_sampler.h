/// \file
/// Which traces are recorded.
#pragma once

#include <array>
#include <cstdint>

#include "telemetry/trace_context.h"
#include "telemetry/trace_options.h"

namespace longbow::telemetry {

/// Immutable, thus thread-safe. Decides alike for all spans of a trace, in all processes with the
/// same options.
class Sampler {
 public:
  /// `ratio` is used by the samplers with a ratio: below 0 is 0, above 1 is 1.
  Sampler(TraceSampler kind, double ratio);
  /// \param parent null or not valid: the span begins its trace
  bool Samples(const TraceContext* parent, const std::array<uint8_t, 16>& trace_id) const;

 private:
  const bool asks_parent_;
  /// The least number from the trace's id that is not recorded, of 2^63.
  uint64_t bound_;
};

}  // namespace longbow::telemetry
