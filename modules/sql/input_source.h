/// \file
/// Reading an input: straight from its reader, or through a spool where it can be read only once
/// but is scanned more often.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <duckdb.hpp>

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include "input_scan.h"

namespace longbow::sql {

/// Reads `columns` (indices into the input's schema) of an input from its start.
/// Errors: the input's own; INTERNAL_ERROR if its batches are not what its schema promised.
arrow::Result<std::unique_ptr<BatchSource>> OpenDirect(Inputs& inputs, const InputTable& table,
                                                       const std::vector<int>& columns);

/// What an input that can be read once has given so far, kept for its other scans. What it keeps
/// counts against the query's memory limit. Thread-safe.
class InputSpool {
 public:
  /// `columns`, sorted, are those of all scans together. The input is opened by the first read.
  InputSpool(Inputs& inputs, const InputTable& table, std::vector<int> columns,
             duckdb::shared_ptr<duckdb::DatabaseInstance> database);
  ~InputSpool();

  /// The batch `index` with the columns of the spool; null after the last. Blocks while the input
  /// makes it. Errors: the input's own, the same for every caller; RESOURCE_EXHAUSTED beyond the
  /// limit.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Get(size_t index);

  const std::vector<int>& columns() const { return columns_; }

 private:
  arrow::Status ReadOne();

  Inputs& inputs_;
  const InputTable& table_;
  const std::vector<int> columns_;
  const duckdb::shared_ptr<duckdb::DatabaseInstance> database_;
  std::mutex mutex_;
  std::unique_ptr<BatchSource> source_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  int64_t reserved_bytes_ = 0;
  bool done_ = false;
  arrow::Status error_;
};

/// A scan of `columns`, which the spool must hold.
std::unique_ptr<BatchSource> OpenSpooled(std::shared_ptr<InputSpool> spool,
                                         const std::vector<int>& columns);

/// `source` with its batches' inner dictionaries decoded; `source` itself where `columns` of the
/// table have none.
std::unique_ptr<BatchSource> DecodeInnerDictionaries(std::unique_ptr<BatchSource> source,
                                                     const InputTable& table,
                                                     const std::vector<int>& columns);

}  // namespace longbow::sql
