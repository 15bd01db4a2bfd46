/// \file
/// Copies of batches that hold exactly their own rows. Pure; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>

#include <arrow/record_batch.h>
#include <arrow/result.h>

namespace longbow::storage {

/// The bytes of the buffers that the rows of `batch` need, whatever else the buffers hold.
int64_t ReferencedBytes(const arrow::RecordBatch& batch);

/// One batch with the rows of all `batches` (at least one, of one schema), in buffers of its own;
/// dictionaries stay shared where they are the same.
/// Errors: NotImplemented for types that cannot be joined, Invalid where dictionaries cannot be
/// made one, OutOfMemory.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> JoinBatches(
    const arrow::RecordBatchVector& batches, arrow::MemoryPool* pool);

}  // namespace longbow::storage
