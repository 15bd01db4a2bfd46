#include "telemetry/trace_ids.h"

#include <cstring>

namespace longbow::telemetry {
namespace {

// Two odd steps: each counter walks through all numbers before one comes again.
constexpr uint64_t kStep = 0x9E3779B97F4A7C15;
constexpr uint64_t kOtherStep = 0xD1342543DE82EF95;

// SplitMix64's last part: spreads each bit over all of them.
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

TraceIds::TraceIds(Random* random) { random->Fill(seeds_.data(), sizeof(seeds_)); }

std::array<uint8_t, 16> TraceIds::NextTraceId() {
  uint64_t halves[2];
  do {
    const uint64_t n = traces_.fetch_add(1, std::memory_order_relaxed);
    // Two walks with seeds of their own: two processes share an id only where both meet.
    halves[0] = Mix(seeds_[0] + n * kStep);
    halves[1] = Mix(seeds_[1] + n * kOtherStep);
  } while (halves[0] == 0 && halves[1] == 0);
  std::array<uint8_t, 16> id;
  std::memcpy(id.data(), halves, sizeof(halves));
  return id;
}

std::array<uint8_t, 8> TraceIds::NextSpanId() {
  uint64_t value = 0;
  while (value == 0) {
    value = Mix(seeds_[2] + spans_.fetch_add(1, std::memory_order_relaxed) * kStep);
  }
  std::array<uint8_t, 8> id;
  std::memcpy(id.data(), &value, sizeof(value));
  return id;
}

}  // namespace longbow::telemetry
