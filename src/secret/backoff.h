/// \file
/// How long to wait before something is tried again.
#pragma once

#include <chrono>

#include "base/random.h"

namespace longbow::secret {

struct BackoffLimits {
  std::chrono::milliseconds first{0};
  std::chrono::milliseconds max{0};
};

/// Twice as long after each of `failures` (1 or more) in a row, up to the limit, and of that a
/// random part between one half and all: many nodes that lost a server together do not come back
/// together. Pure but for `random`.
std::chrono::milliseconds Backoff(const BackoffLimits& limits, int failures, Random* random);

/// A random duration from `low` up to `high`. Pure but for `random`.
std::chrono::milliseconds Between(std::chrono::milliseconds low, std::chrono::milliseconds high,
                                  Random* random);

}  // namespace longbow::secret
