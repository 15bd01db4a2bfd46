/// \file
/// The paths of an access rule. Used by `AccessRules` only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/status.h>

namespace longbow::access {

/// Beginnings of paths, in whole parts: `reports/2026` covers reports/2026 and reports/2026/q1, not
/// reports/2026b. Thread-safe once filled.
class PathPrefixes {
 public:
  using Parts = std::vector<std::string>;

  /// A path, or `*` for all of them. Errors: BAD_ARGUMENT with the end of a sentence.
  arrow::Status Add(std::string_view entry);

  bool all() const { return all_; }
  /// Whether the path itself is covered.
  bool Cover(const Parts& path) const;
  /// Whether some path that begins with `prefix` could be covered.
  bool CoverSomeBelow(const Parts& prefix) const;

 private:
  bool all_ = false;
  std::vector<Parts> prefixes_;
};

}  // namespace longbow::access
