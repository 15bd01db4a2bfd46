#include "access/name_patterns.h"

#include <algorithm>

#include <longbow/error.h>

#include "access/identity.h"

namespace longbow::access {
namespace {

constexpr size_t kMaxPatternBytes = 256;

}  // namespace

arrow::Status NamePatterns::Add(std::string_view entry) {
  const bool has_space = entry.find(' ') != std::string_view::npos;
  if (!IsPlainText(entry, kMaxPatternBytes) || has_space) {
    return MakeError(ErrorCode::kBadArgument,
                     "is empty, too long, or has a space or control character: write a name, the "
                     "beginning of names with '*', or '*'");
  }
  const size_t star = entry.find('*');
  if (star == std::string_view::npos) {
    names_.emplace_back(entry);
  } else if (star + 1 != entry.size()) {
    return MakeError(ErrorCode::kBadArgument, "has a '*' that is not its end");
  } else if (star == 0) {
    all_ = true;
  } else {
    beginnings_.emplace_back(entry.substr(0, star));
  }
  return arrow::Status::OK();
}

bool NamePatterns::Matches(std::string_view name) const {
  if (all_) return true;
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return true;
  return std::any_of(beginnings_.begin(), beginnings_.end(),
                     [name](const std::string& beginning) { return name.starts_with(beginning); });
}

}  // namespace longbow::access
