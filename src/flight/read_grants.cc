#include "flight/read_grants.h"

#include <utility>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

// No name and no path has a line break in it.
std::string KeyOf(const std::string& principal, const FlightPath& path, int64_t revision) {
  return principal + '\n' + path.ToString() + '\n' + std::to_string(revision);
}

}  // namespace

void ReadGrants::Add(const std::string& principal, const FlightPath& path, int64_t revision) {
  std::string key = KeyOf(principal, path, revision);
  std::lock_guard lock(mutex_);
  if (!grants_.insert(key).second) return;
  by_age_.push_back(std::move(key));
  if (by_age_.size() <= max_grants_) return;
  grants_.erase(by_age_.front());
  by_age_.pop_front();
}

bool ReadGrants::Has(const std::string& principal, const FlightPath& path, int64_t revision) const {
  std::lock_guard lock(mutex_);
  return grants_.contains(KeyOf(principal, path, revision));
}

bool IsCachePath(const FlightPath& path) {
  const auto& parts = path.parts();
  return parts.size() >= 2 && parts[0] == "cache" && parts[1] == "result";
}

arrow::Status CheckNotCachePath(const FlightPath& path) {
  if (!IsCachePath(path)) return arrow::Status::OK();
  return MakeError(
      ErrorCode::kBadArgument,
      "'" + path.ToString() + "' lies where cached results are kept; take another path");
}

}  // namespace longbow::flight
