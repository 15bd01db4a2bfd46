/// \file
/// Names for calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace longbow::transport {

/// The header in which a request id comes and goes.
inline constexpr std::string_view kRequestIdHeader = "x-longbow-request-id";

/// Whether a client's id is taken as it is: 1 to 128 printable ASCII characters.
bool IsRequestId(std::string_view text);

/// Makes up request ids: 32 hexadecimal digits, different from all others but not secret.
/// Thread-safe.
class RequestIdSource {
 public:
  /// Begins at a random place.
  RequestIdSource();
  std::string Next();

 private:
  const uint64_t high_seed_;
  const uint64_t low_seed_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace longbow::transport
