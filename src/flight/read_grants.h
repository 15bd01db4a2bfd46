/// \file
/// Cached results that callers may read because they may run the commands that those come of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_set>

#include <longbow/flight_path.h>

namespace longbow::flight {

/// Remembers the newest of them. Thread-safe; nothing blocks.
class ReadGrants {
 public:
  explicit ReadGrants(size_t max_grants = 10'000) : max_grants_(max_grants) {}

  /// The caller was told of the result.
  void Add(const std::string& principal, const FlightPath& path, int64_t revision);
  bool Has(const std::string& principal, const FlightPath& path, int64_t revision) const;

 private:
  const size_t max_grants_;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> grants_;
  std::deque<std::string> by_age_;  // oldest first
};

/// Whether the path is one of those that `cache: true` makes up.
bool IsCachePath(const FlightPath& path);

/// Of a path that a caller chooses to write to. Errors: BAD_ARGUMENT for one that is kept for
/// cached results: what lies there is taken for the answer of a command.
arrow::Status CheckNotCachePath(const FlightPath& path);

}  // namespace longbow::flight
