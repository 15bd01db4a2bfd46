#include "memory_flight_store.h"

#include <utility>

#include <arrow/memory_pool.h>

#include <longbow/error.h>

namespace longbow::storage {

MemoryFlightStore::MemoryFlightStore(const Options& options, const Clock& clock)
    : target_{.index = std::make_shared<FlightIndex>(clock),
              .budget = std::make_shared<MemoryBudget>(options.memory_limit),
              .pool = options.memory_pool != nullptr ? options.memory_pool
                                                     : arrow::default_memory_pool()} {}

arrow::Result<std::unique_ptr<FlightPut>> MemoryFlightStore::BeginPut(PutRequest request) {
  if (request.schema == nullptr) {
    return MakeError(ErrorCode::kBadArgument,
                     "the put of '" + request.path.ToString() + "' has no schema");
  }
  if (request.ttl_sec.has_value() && *request.ttl_sec < 1) {
    return MakeError(ErrorCode::kBadArgument, "the ttl of '" + request.path.ToString() + "' is " +
                                                  std::to_string(*request.ttl_sec) +
                                                  " s: it must be at least 1 s");
  }
  target_.index->Sweep();
  if (request.if_exists != IfExists::kReplace && Find(request.path) != nullptr) {
    return PathTaken(request.path);
  }
  return PutSession::Make(std::move(request), target_);
}

std::shared_ptr<const StoredFlight> MemoryFlightStore::Find(const FlightPath& path,
                                                            std::optional<int64_t> revision) const {
  return target_.index->Find(path, revision);
}

std::vector<StoredFlightInfo> MemoryFlightStore::List(const std::vector<std::string>& prefix,
                                                      int64_t limit) const {
  return target_.index->List(prefix, limit);
}

arrow::Result<int64_t> MemoryFlightStore::Delete(const std::vector<FlightPath>& paths) {
  return target_.index->Delete(paths);
}

arrow::Result<int64_t> MemoryFlightStore::DeletePrefix(const std::vector<std::string>& prefix) {
  if (prefix.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "the prefix of flights to delete is empty: name at least one part of a path");
  }
  return target_.index->DeletePrefix(prefix);
}

int64_t MemoryFlightStore::revision() const { return target_.index->revision(); }

FlightStore::Usage MemoryFlightStore::usage() const {
  return {.flights = target_.index->count(),
          .bytes = target_.budget->used(),
          .limit_bytes = target_.budget->limit()};
}

}  // namespace longbow::storage
