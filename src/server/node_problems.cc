#include "server/node_problems.h"

#include <utility>

namespace longbow::server {

void NodeProblems::Set(const std::string& part, std::string problem) {
  std::lock_guard lock(mutex_);
  if (problem.empty()) {
    problems_.erase(part);
  } else {
    problems_[part] = std::move(problem);
  }
}

std::vector<std::string> NodeProblems::all() const {
  std::vector<std::string> all;
  std::lock_guard lock(mutex_);
  for (const auto& [part, problem] : problems_) all.push_back(problem);
  return all;
}

}  // namespace longbow::server
