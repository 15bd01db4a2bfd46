#include "config/problem.h"

#include <longbow/error.h>

namespace longbow::config {

arrow::Status ProblemsToStatus(const std::vector<Problem>& problems) {
  if (problems.empty()) return arrow::Status::OK();
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    if (!problem.place.empty()) text += problem.place + ": ";
    text += problem.text;
  }
  return MakeError(ErrorCode::kBadArgument, std::move(text));
}

}  // namespace longbow::config
