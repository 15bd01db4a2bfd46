#include "flight_index.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include <longbow/error.h>

namespace longbow::storage {

namespace {

// Nothing when it would lie beyond what the clock can tell: such a flight stays.
std::optional<WallTime> ExpiryOf(WallTime now, std::optional<int64_t> ttl_sec) {
  if (!ttl_sec.has_value()) return {};
  const auto room = std::chrono::duration_cast<std::chrono::seconds>(WallTime::max() - now);
  if (*ttl_sec >= room.count()) return {};
  return now + std::chrono::seconds(*ttl_sec);
}

}  // namespace

arrow::Status PathTaken(const FlightPath& path) {
  return MakeError(ErrorCode::kAlreadyExists,
                   "a flight is already stored under '" + path.ToString() +
                       "': delete it, put with ifExists REPLACE, or choose another path");
}

std::shared_ptr<const MemoryFlight> FlightIndex::Find(const FlightPath& path,
                                                      std::optional<int64_t> revision) const {
  std::shared_ptr<const MemoryFlight> flight;
  {
    std::shared_lock lock(mutex_);
    auto it = flights_.find(path);
    if (it == flights_.end()) return nullptr;
    flight = it->second;
  }
  const auto& info = flight->info();
  if (revision.has_value() && *revision != info.revision) return nullptr;
  if (info.expires.has_value() && Expired(*flight, clock_.WallNow())) return nullptr;
  return flight;
}

std::vector<StoredFlightInfo> FlightIndex::List(const std::vector<std::string>& prefix,
                                                int64_t limit) const {
  const auto now = clock_.WallNow();
  std::vector<std::shared_ptr<const MemoryFlight>> found;
  {
    std::shared_lock lock(mutex_);
    for (auto it = flights_.lower_bound(prefix); it != flights_.end(); ++it) {
      if (static_cast<int64_t>(found.size()) >= limit || !it->first.StartsWith(prefix)) break;
      if (!Expired(*it->second, now)) found.push_back(it->second);
    }
  }
  std::vector<StoredFlightInfo> infos;
  infos.reserve(found.size());
  for (const auto& flight : found) infos.push_back(flight->info());
  return infos;
}

arrow::Result<StoredFlightInfo> FlightIndex::Publish(std::shared_ptr<MemoryFlight> flight,
                                                     IfExists if_exists,
                                                     std::optional<int64_t> ttl_sec) {
  Garbage garbage;
  std::unique_lock lock(mutex_);
  const auto now = clock_.WallNow();
  RemoveExpired(now, &garbage);
  const auto& path = flight->info().path;
  auto it = flights_.find(path);
  if (it != flights_.end()) {
    if (if_exists != IfExists::kReplace) return PathTaken(path);
    Remove(it, &garbage);
  }
  const int64_t revision = revision_.load(std::memory_order_relaxed) + 1;
  flight->Stamp(revision, now, ExpiryOf(now, ttl_sec));
  const auto& info = flight->info();
  if (info.expires.has_value()) expiring_.emplace(std::pair(*info.expires, revision), path);
  flights_.emplace(path, flight);
  revision_.store(revision, std::memory_order_release);
  lock.unlock();
  return info;
}

int64_t FlightIndex::Delete(const std::vector<FlightPath>& paths) {
  Garbage garbage;
  Garbage expired;
  std::unique_lock lock(mutex_);
  RemoveExpired(clock_.WallNow(), &expired);
  for (const auto& path : paths) {
    auto it = flights_.find(path);
    if (it != flights_.end()) Remove(it, &garbage);
  }
  if (!garbage.empty()) revision_.fetch_add(1, std::memory_order_release);
  lock.unlock();
  return static_cast<int64_t>(garbage.size());
}

int64_t FlightIndex::DeletePrefix(const std::vector<std::string>& prefix) {
  Garbage garbage;
  Garbage expired;
  std::unique_lock lock(mutex_);
  RemoveExpired(clock_.WallNow(), &expired);
  auto it = flights_.lower_bound(prefix);
  while (it != flights_.end() && it->first.StartsWith(prefix)) it = Remove(it, &garbage);
  if (!garbage.empty()) revision_.fetch_add(1, std::memory_order_release);
  lock.unlock();
  return static_cast<int64_t>(garbage.size());
}

int64_t FlightIndex::count() const {
  const auto now = clock_.WallNow();
  std::shared_lock lock(mutex_);
  auto count = static_cast<int64_t>(flights_.size());
  for (const auto& [key, path] : expiring_) {
    if (key.first > now) break;
    --count;
  }
  return count;
}

void FlightIndex::Sweep() {
  Garbage garbage;
  std::unique_lock lock(mutex_);
  RemoveExpired(clock_.WallNow(), &garbage);
  lock.unlock();
}

FlightIndex::Flights::iterator FlightIndex::Remove(Flights::iterator it, Garbage* garbage) {
  const auto& info = it->second->info();
  if (info.expires.has_value()) expiring_.erase({*info.expires, info.revision});
  garbage->push_back(std::move(it->second));
  return flights_.erase(it);
}

void FlightIndex::RemoveExpired(WallTime now, Garbage* garbage) {
  while (!expiring_.empty() && expiring_.begin()->first.first <= now) {
    auto it = flights_.find(expiring_.begin()->second);
    Remove(it, garbage);  // Also removes the entry of `expiring_`.
  }
}

}  // namespace longbow::storage
