/// \file
/// Makes the ids of traces and spans: not guessed twice by two processes, and cheap.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/random.h"

namespace longbow::telemetry {

/// Thread-safe; takes its seeds from `Random` once, since the kernel is too slow for each span. The
/// ids are no secrets: who knows some of them can compute the next.
class TraceIds {
 public:
  explicit TraceIds(Random* random);
  std::array<uint8_t, 16> NextTraceId();
  std::array<uint8_t, 8> NextSpanId();

 private:
  std::array<uint64_t, 3> seeds_{};
  std::atomic<uint64_t> traces_{0};
  std::atomic<uint64_t> spans_{0};
};

}  // namespace longbow::telemetry
