#include "scan_reader.h"

#include <utility>

#include <arrow/util/future.h>

namespace longbow::connector {

arrow::Result<std::unique_ptr<ScanReader>> ScanReader::Make(std::shared_ptr<arrow::Schema> schema,
                                                            arrow::dataset::Scanner& scanner,
                                                            std::optional<int64_t> limit,
                                                            TaskContext& task) {
  arrow::dataset::TaggedRecordBatchGenerator batches;
  // The scan begins with its making.
  if (limit != 0) {
    ARROW_ASSIGN_OR_RAISE(batches, scanner.ScanBatchesAsync());
  }
  return std::unique_ptr<ScanReader>(
      new ScanReader(std::move(schema), std::move(batches), limit, task));
}

ScanReader::ScanReader(std::shared_ptr<arrow::Schema> schema,
                       arrow::dataset::TaggedRecordBatchGenerator batches,
                       std::optional<int64_t> limit, TaskContext& task)
    : schema_(std::move(schema)), batches_(std::move(batches)), rows_left_(limit), task_(task) {
  task_.SetCancelCallback([waiting = waiting_] {
    std::lock_guard lock(waiting->mutex);
    waiting->cancelled = true;
    waiting->changed.notify_all();
  });
}

ScanReader::~ScanReader() { task_.SetCancelCallback(nullptr); }

arrow::Status ScanReader::ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) {
  batch->reset();
  while (batches_) {
    auto next = NextOfScan();
    if (!next.ok() || *next == nullptr) {
      batches_ = nullptr;
      return next.status();
    }
    if ((*next)->num_rows() == 0) continue;
    *batch = *std::move(next);
    if (rows_left_.has_value()) {
      if ((*batch)->num_rows() >= *rows_left_) {
        *batch = (*batch)->Slice(0, *rows_left_);
        batches_ = nullptr;
      }
      *rows_left_ -= (*batch)->num_rows();
    }
    return arrow::Status::OK();
  }
  return arrow::Status::OK();
}

arrow::Status ScanReader::Close() {
  batches_ = nullptr;
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ScanReader::NextOfScan() {
  waiting_->arrived = false;
  auto future = batches_();
  future.AddCallback([waiting = waiting_](const auto&) {
    std::lock_guard lock(waiting->mutex);
    waiting->arrived = true;
    waiting->changed.notify_all();
  });
  {
    std::unique_lock lock(waiting_->mutex);
    waiting_->changed.wait(lock, [&] { return waiting_->arrived || waiting_->cancelled; });
    if (waiting_->cancelled) return task_.CancelledError();
  }
  ARROW_ASSIGN_OR_RAISE(auto tagged, future.result());
  if (arrow::IsIterationEnd(tagged)) return nullptr;
  return arrow::RecordBatch::Make(schema_, tagged.record_batch->num_rows(),
                                  tagged.record_batch->columns());
}

}  // namespace longbow::connector
