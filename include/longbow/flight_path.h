/// \file
/// The name of a stored flight: 1 to 32 parts of 1 to 255 bytes.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

namespace longbow {

/// A valid path. A value type; made by `Make` or `Parse` only, so that one that exists is valid.
class FlightPath {
 public:
  static constexpr size_t kMaxParts = 32;
  static constexpr size_t kMaxPartBytes = 255;

  /// From the parts. Each is valid UTF-8 of 1 to 255 bytes without control characters and `/`.
  /// Errors: BAD_ARGUMENT, naming the part and the rule.
  static arrow::Result<FlightPath> Make(std::vector<std::string> parts);

  /// From the form for people, `reports/2026/q1`. Errors: as `Make`.
  static arrow::Result<FlightPath> Parse(std::string_view text);

  const std::vector<std::string>& parts() const { return parts_; }
  /// `reports/2026/q1`
  std::string ToString() const;
  /// Whether the first parts of this path are those of `prefix`; an empty prefix fits all.
  bool StartsWith(const std::vector<std::string>& prefix) const;

  auto operator<=>(const FlightPath&) const = default;

 private:
  explicit FlightPath(std::vector<std::string> parts) : parts_(std::move(parts)) {}
  std::vector<std::string> parts_;
};

}  // namespace longbow
