/// \file
/// Which flight is stored under which path, now.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>

#include <longbow/clock.h>
#include <longbow/flight_store.h>

#include "memory_flight.h"

namespace longbow::storage {

/// Paths in order, each with its newest flight. Thread-safe. A lookup takes a shared lock that
/// nobody holds for longer than a change of the tree: flights are freed and descriptions copied
/// outside of it.
///
/// A flight that has expired is invisible from that moment on, and is removed by the next change of
/// the index or by `Sweep`. Its end is not a change of its own: who sees the flight knows it.
class FlightIndex {
 public:
  explicit FlightIndex(const Clock& clock) : clock_(clock) {}

  std::shared_ptr<const MemoryFlight> Find(const FlightPath& path,
                                           std::optional<int64_t> revision) const;
  std::vector<StoredFlightInfo> List(const std::vector<std::string>& prefix, int64_t limit) const;

  /// Makes the flight visible, in the place of an earlier one if `if_exists` is `kReplace`.
  /// Errors: ALREADY_EXISTS.
  arrow::Result<StoredFlightInfo> Publish(std::shared_ptr<MemoryFlight> flight, IfExists if_exists,
                                          std::optional<int64_t> ttl_sec);

  /// Removes flights in one step, and returns how many of them were visible.
  int64_t Delete(const std::vector<FlightPath>& paths);
  int64_t DeletePrefix(const std::vector<std::string>& prefix);

  /// Removes what has expired.
  void Sweep();

  /// How many flights are visible. Takes time for those that have expired and are still there.
  int64_t count() const;

  int64_t revision() const { return revision_.load(std::memory_order_acquire); }

 private:
  // Compares paths also with bare parts, so that a prefix can be looked up.
  struct PathLess {
    using is_transparent = void;
    static const std::vector<std::string>& Parts(const FlightPath& path) { return path.parts(); }
    static const std::vector<std::string>& Parts(const std::vector<std::string>& p) { return p; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Parts(a) < Parts(b);
    }
  };
  using Flights = std::map<FlightPath, std::shared_ptr<const MemoryFlight>, PathLess>;
  // What is removed under the lock goes here, and is freed after the lock.
  using Garbage = std::vector<std::shared_ptr<const MemoryFlight>>;

  static bool Expired(const MemoryFlight& flight, WallTime now) {
    return flight.info().expires.has_value() && *flight.info().expires <= now;
  }
  // These want the lock to be held exclusively.
  Flights::iterator Remove(Flights::iterator it, Garbage* garbage);
  void RemoveExpired(WallTime now, Garbage* garbage);

  const Clock& clock_;
  mutable std::shared_mutex mutex_;
  Flights flights_;
  std::map<std::pair<WallTime, int64_t>, FlightPath> expiring_;  // Of (expires, revision).
  std::atomic<int64_t> revision_{0};  // Changed under the exclusive lock only.
};

/// ALREADY_EXISTS for `path`.
arrow::Status PathTaken(const FlightPath& path);

}  // namespace longbow::storage
