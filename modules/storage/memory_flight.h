/// \file
/// A stored flight whose data lies in memory, in both forms in which it is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>

#include <longbow/flight_store.h>

#include "memory_budget.h"

namespace longbow::storage {

/// What a flight consists of. The messages share the batches' buffers, and all of them are counted.
struct FlightData {
  arrow::RecordBatchVector batches;
  std::vector<std::shared_ptr<const IpcMessage>> messages;
  /// For what the flight takes beside its buffers.
  Charge overhead;
};

/// Thread-safe: immutable once it is published.
class MemoryFlight : public StoredFlight, public std::enable_shared_from_this<MemoryFlight> {
 public:
  MemoryFlight(StoredFlightInfo info, FlightData data)
      : info_(std::move(info)), data_(std::move(data)) {}

  /// Sets what is known only at the commit. Before others can see the flight.
  void Stamp(int64_t revision, WallTime created, std::optional<WallTime> expires);

  const StoredFlightInfo& info() const override { return info_; }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() const override;
  int64_t message_count() const override { return static_cast<int64_t>(data_.messages.size()); }
  arrow::Result<std::shared_ptr<const IpcMessage>> message(int64_t index) const override;

 private:
  StoredFlightInfo info_;
  FlightData data_;
};

}  // namespace longbow::storage
