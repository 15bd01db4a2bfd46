/// \file
/// Parts of a span in the forms that exporters write. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <longbow/clock.h>

namespace longbow::telemetry {

/// Two lower-case digits for each byte.
template <size_t kSize>
std::string HexOf(const std::array<uint8_t, kSize>& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * kSize);
  for (uint8_t byte : id) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

/// Whether a parent's id says that there is none.
inline bool IsNoSpan(const std::array<uint8_t, 8>& id) { return id == std::array<uint8_t, 8>{}; }

/// Nanoseconds since 1970; 0 for what was before.
inline uint64_t UnixNanos(WallTime time) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  return static_cast<uint64_t>(std::max<int64_t>(nanos, 0));
}

}  // namespace longbow::telemetry
