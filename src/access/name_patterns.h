/// \file
/// The services or actions of an access rule. Used by `AccessRules` only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>
#include <arrow/status.h>

namespace longbow::access {

/// Names, beginnings of names (`sql*`), or all (`*`). Thread-safe once filled.
class NamePatterns {
 public:
  /// Errors: BAD_ARGUMENT with the end of a sentence.
  arrow::Status Add(std::string_view entry);

  bool all() const { return all_; }
  bool Matches(std::string_view name) const;

 private:
  bool all_ = false;
  std::vector<std::string> names_;
  std::vector<std::string> beginnings_;
};

}  // namespace longbow::access
