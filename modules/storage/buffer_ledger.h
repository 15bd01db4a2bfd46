/// \file
/// Charges the memory behind batches and messages to the budget, each buffer once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include "memory_budget.h"

namespace longbow::storage {

/// What one put holds, buffer by buffer.
///
/// Buffers are often slices of a larger one: the columns of a batch from the wire lie in the
/// message's one body, a slice of a table drags the table's columns along. What is counted is the
/// whole buffer that a slice keeps alive, by its capacity, and only once per ledger. What `Keep`
/// returns refers to the same memory through `CountedBuffer`s, so that the charge ends with the
/// memory itself, not with the ledger. For one thread at a time.
class BufferLedger {
 public:
  /// Makes room for `bytes` in `charge`. Errors: BACKPRESSURE.
  using Grow = std::function<arrow::Status(Charge* charge, int64_t bytes)>;

  BufferLedger(std::shared_ptr<MemoryBudget> budget, Grow grow)
      : budget_(std::move(budget)), grow_(std::move(grow)) {}

  /// The batch with all its buffers charged. Errors: BACKPRESSURE.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Keep(const arrow::RecordBatch& batch);
  /// The buffer, charged; null gives null. Errors: BACKPRESSURE.
  arrow::Result<std::shared_ptr<arrow::Buffer>> Keep(std::shared_ptr<arrow::Buffer> buffer);

  /// What `Keep(batch)` would charge for buffers that are not in the ledger yet.
  int64_t NewBytes(const arrow::RecordBatch& batch) const;

  /// The sum of what was charged for buffers through this ledger.
  int64_t bytes() const { return bytes_; }

  /// Lets go of all buffers. What others still refer to stays charged.
  void Clear();

 private:
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Keep(
      const std::shared_ptr<arrow::ArrayData>& data);
  arrow::Result<std::shared_ptr<arrow::ArrayData>> KeepDictionary(
      const std::shared_ptr<arrow::ArrayData>& dictionary);

  struct KeptDictionary {
    std::shared_ptr<arrow::ArrayData> original;  // Keeps the key's address from being used anew.
    std::shared_ptr<arrow::ArrayData> kept;
  };

  std::shared_ptr<MemoryBudget> budget_;
  Grow grow_;
  int64_t bytes_ = 0;
  std::unordered_map<const arrow::Buffer*, std::shared_ptr<CountedBuffer>> buffers_;
  // Batches share a dictionary by its address; the kept ones must, too, or each would be sent anew.
  std::unordered_map<const arrow::ArrayData*, KeptDictionary> dictionaries_;
};

}  // namespace longbow::storage
