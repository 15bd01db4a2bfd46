/// \file
/// The rows of a scan, as they are pulled.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <arrow/dataset/scanner.h>
#include <arrow/record_batch.h>

#include <longbow/service.h>

namespace longbow::connector {

/// Reads a scan that Arrow's pools work on ahead of the reader, within the scan's own limits. Ends
/// after `limit` rows, and at once when its task is cancelled; in both cases, and when it is
/// destroyed before its end, the scan stops. For one thread at a time.
class ScanReader : public arrow::RecordBatchReader {
 public:
  /// \param schema as `scanner` gives batches, perhaps with other metadata
  /// \param task outlives the reader
  static arrow::Result<std::unique_ptr<ScanReader>> Make(std::shared_ptr<arrow::Schema> schema,
                                                         arrow::dataset::Scanner& scanner,
                                                         std::optional<int64_t> limit,
                                                         TaskContext& task);
  ~ScanReader() override;

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override;
  arrow::Status Close() override;

 private:
  // What a batch that arrives, the cancelling thread and the reader share.
  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    bool arrived = false;
    bool cancelled = false;
  };

  ScanReader(std::shared_ptr<arrow::Schema> schema,
             arrow::dataset::TaggedRecordBatchGenerator batches, std::optional<int64_t> limit,
             TaskContext& task);

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextOfScan();

  std::shared_ptr<arrow::Schema> schema_;
  arrow::dataset::TaggedRecordBatchGenerator batches_;  // Empty after the end.
  std::optional<int64_t> rows_left_;
  TaskContext& task_;
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace longbow::connector
