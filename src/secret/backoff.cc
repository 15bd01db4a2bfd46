#include "secret/backoff.h"

#include <algorithm>
#include <cstdint>

namespace longbow::secret {

std::chrono::milliseconds Between(std::chrono::milliseconds low, std::chrono::milliseconds high,
                                  Random* random) {
  if (high <= low) return low;
  uint32_t bits = 0;
  random->Fill(&bits, sizeof(bits));
  const double part = static_cast<double>(bits) / static_cast<double>(UINT32_MAX);
  return low + std::chrono::milliseconds(
                   static_cast<int64_t>(part * static_cast<double>((high - low).count())));
}

std::chrono::milliseconds Backoff(const BackoffLimits& limits, int failures, Random* random) {
  std::chrono::milliseconds wait = limits.first;
  for (int i = 1; i < failures && wait < limits.max; ++i) wait *= 2;
  wait = std::min(wait, limits.max);
  return Between(wait / 2, wait, random);
}

}  // namespace longbow::secret
