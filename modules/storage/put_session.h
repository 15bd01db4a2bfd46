/// \file
/// A flight on its way into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/record_batch.h>

#include <longbow/flight_store.h>
#include <longbow/ipc_encoder.h>

#include "buffer_ledger.h"
#include "flight_index.h"
#include "memory_budget.h"
#include "memory_flight.h"

namespace longbow::storage {

/// What the puts of a store share. All of it outlives the store, for as long as a put is open.
struct PutTarget {
  std::shared_ptr<FlightIndex> index;
  std::shared_ptr<MemoryBudget> budget;
  arrow::MemoryPool* pool;
};

/// Takes batches in, and keeps each twice without holding its memory twice: as it came, for readers
/// in this process, and as the messages that DoGet sends.
///
/// Large batches are kept as they are. Small ones are collected and joined, which copies them,
/// until they make a message's worth. A batch whose rows are a small part of the memory that they
/// drag along is copied, too. For one thread at a time.
class PutSession : public FlightPut {
 public:
  static arrow::Result<std::unique_ptr<PutSession>> Make(PutRequest request, PutTarget target);

  arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch) override;
  arrow::Result<StoredFlightInfo> Commit() override;

 private:
  PutSession(PutRequest request, PutTarget target);

  arrow::Status Start();
  arrow::Status Collect(const arrow::RecordBatch& batch, int64_t bytes);
  arrow::Status KeepCollected();
  arrow::Status KeepBatch(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes);
  arrow::Status KeepMessages(std::vector<IpcMessage> messages);
  // The batch itself, or a copy where the batch drags along much more than its `bytes`.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> WithoutDrag(
      std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes, const BufferLedger& ledger) const;

  arrow::Status Grow(Charge* charge, int64_t bytes);
  arrow::Status Full(int64_t bytes) const;

  PutRequest request_;
  PutTarget target_;
  std::unique_ptr<IpcEncoder> encoder_;

  BufferLedger ledger_;  // Of what stays.
  FlightData data_;
  int64_t rows_ = 0;

  BufferLedger collected_ledger_;  // Of small batches, until they are joined.
  Charge collected_overhead_;
  arrow::RecordBatchVector collected_;
  int64_t collected_rows_ = 0;
  int64_t collected_bytes_ = 0;
};

}  // namespace longbow::storage
