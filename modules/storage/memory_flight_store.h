/// \file
/// Stored flights in this process's memory, gone when it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <longbow/clock.h>
#include <longbow/flight_store.h>

#include "put_session.h"

namespace longbow::storage {

/// Thread-safe. Its limit counts the memory of what is stored, of puts that are open, and of
/// replaced, deleted and expired flights for as long as somebody reads them. When it is reached,
/// flights that have expired go first; after that, puts get BACKPRESSURE.
///
/// Batches must be valid in full (`RecordBatch::ValidateFull`) where they come from outside: only
/// their outline is checked here.
class MemoryFlightStore : public FlightStore {
 public:
  struct Options {
    /// Bytes, at least 1.
    int64_t memory_limit = 0;
    /// Outlives the store, all its puts and all that was read from it. Null: Arrow's default.
    arrow::MemoryPool* memory_pool = nullptr;
  };

  /// \param clock outlives the store and all its puts
  MemoryFlightStore(const Options& options, const Clock& clock);

  arrow::Result<std::unique_ptr<FlightPut>> BeginPut(PutRequest request) override;
  bool puts_block() const override { return false; }
  std::shared_ptr<const StoredFlight> Find(const FlightPath& path,
                                           std::optional<int64_t> revision = {}) const override;
  std::vector<StoredFlightInfo> List(const std::vector<std::string>& prefix,
                                     int64_t limit) const override;
  arrow::Result<int64_t> Delete(const std::vector<FlightPath>& paths) override;
  arrow::Result<int64_t> DeletePrefix(const std::vector<std::string>& prefix) override;
  int64_t revision() const override;
  Usage usage() const override;

  /// Bytes that are charged against the limit now.
  int64_t bytes_used() const { return target_.budget->used(); }

 private:
  PutTarget target_;
};

}  // namespace longbow::storage
