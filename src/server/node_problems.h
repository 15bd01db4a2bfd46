/// \file
/// What an operator should look into, beside what modules say of themselves. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace longbow::server {

class NodeProblems {
 public:
  /// What is wrong with `part` now: a sentence for people, without secrets; empty for nothing.
  void Set(const std::string& part, std::string problem);

  /// The sentences, in the order of the parts' names.
  std::vector<std::string> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> problems_;  // by part; none is empty
};

}  // namespace longbow::server
