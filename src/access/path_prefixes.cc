#include "access/path_prefixes.h"

#include <algorithm>

#include <longbow/error.h>
#include <longbow/flight_path.h>

namespace longbow::access {
namespace {

bool BeginsWith(const PathPrefixes::Parts& path, const PathPrefixes::Parts& prefix) {
  return prefix.size() <= path.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

}  // namespace

arrow::Status PathPrefixes::Add(std::string_view entry) {
  if (entry.empty()) {
    // What was meant to be a path and is not there must not open everything.
    return MakeError(ErrorCode::kBadArgument, "is empty: write a path, or '*' for all paths");
  }
  if (entry == "*") {
    all_ = true;
    return arrow::Status::OK();
  }
  if (entry.find('*') != std::string_view::npos) {
    return MakeError(ErrorCode::kBadArgument,
                     "has a '*': a path covers all that is below it, so write it without one");
  }
  const auto path = FlightPath::Parse(entry);
  if (!path.ok()) {
    return MakeError(ErrorCode::kBadArgument, "is no path: " + path.status().message());
  }
  prefixes_.push_back(path->parts());
  return arrow::Status::OK();
}

bool PathPrefixes::Cover(const Parts& path) const {
  return all_ || std::any_of(prefixes_.begin(), prefixes_.end(),
                             [&](const Parts& prefix) { return BeginsWith(path, prefix); });
}

bool PathPrefixes::CoverSomeBelow(const Parts& prefix) const {
  return all_ || std::any_of(prefixes_.begin(), prefixes_.end(), [&](const Parts& covered) {
           return BeginsWith(prefix, covered) || BeginsWith(covered, prefix);
         });
}

}  // namespace longbow::access
