/// \file
/// Answers of GetFlightInfo about stored flights, as they went out: as long as the flight is the
/// same, so is the answer to the same question. Making one costs as much as all else that Longbow
/// does for the call.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <longbow/flight_path.h>

#include "transport/call.h"

namespace longbow::flight {

/// The least recently used go when there are too many, or too many bytes. Thread-safe; nothing
/// blocks.
class AnswerCache {
 public:
  struct Answer {
    FlightPath path;
    int64_t revision;  ///< of the flight that it tells of
    transport::Frame frame;
  };

  explicit AnswerCache(int64_t max_bytes = int64_t{4} << 20) : max_bytes_(max_bytes) {}

  /// The answer to the same bytes before; null where it is not known (any more). The caller sees to
  /// it that the path still has that revision.
  std::shared_ptr<const Answer> Find(const std::string& request);
  /// Replaces the one that is there.
  void Add(const std::string& request, Answer answer);

 private:
  struct Entry {
    std::string request;
    std::shared_ptr<const Answer> answer;
    int64_t bytes() const;
  };
  using Entries = std::list<Entry>;

  void Drop(Entries::iterator entry);

  const int64_t max_bytes_;
  std::mutex mutex_;
  int64_t bytes_ = 0;
  Entries entries_;  // the most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_request_;
};

}  // namespace longbow::flight
