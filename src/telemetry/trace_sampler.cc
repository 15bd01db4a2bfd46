#include "telemetry/trace_sampler.h"

#include <cstddef>

namespace longbow::telemetry {
namespace {

constexpr uint64_t kAll = uint64_t{1} << 63;

bool AsksParent(TraceSampler kind) {
  return kind == TraceSampler::kParentBasedAlwaysOn ||
         kind == TraceSampler::kParentBasedAlwaysOff ||
         kind == TraceSampler::kParentBasedTraceIdRatio;
}

uint64_t BoundOf(TraceSampler kind, double ratio) {
  switch (kind) {
    case TraceSampler::kAlwaysOn:
    case TraceSampler::kParentBasedAlwaysOn:
      return kAll;
    case TraceSampler::kAlwaysOff:
    case TraceSampler::kParentBasedAlwaysOff:
      return 0;
    case TraceSampler::kTraceIdRatio:
    case TraceSampler::kParentBasedTraceIdRatio:
      break;
  }
  if (!(ratio > 0)) return 0;
  if (ratio >= 1) return kAll;
  return static_cast<uint64_t>(ratio * static_cast<double>(kAll));
}

// The number that decides in OpenTelemetry's SDKs for Go and Python, too: 63 bits of the id's end.
uint64_t NumberOf(const std::array<uint8_t, 16>& trace_id) {
  uint64_t number = 0;
  for (size_t i = 8; i < trace_id.size(); ++i) number = number << 8 | trace_id[i];
  return number >> 1;
}

}  // namespace

Sampler::Sampler(TraceSampler kind, double ratio)
    : asks_parent_(AsksParent(kind)), bound_(BoundOf(kind, ratio)) {}

bool Sampler::Samples(const TraceContext* parent, const std::array<uint8_t, 16>& trace_id) const {
  if (asks_parent_ && parent != nullptr && parent->valid()) return parent->sampled;
  return NumberOf(trace_id) < bound_;
}

}  // namespace longbow::telemetry
