#include "task/result_buffer.h"

#include <utility>

#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

namespace longbow {

namespace {
/// Roughly what a batch with a few columns takes beside its data.
constexpr int64_t kBatchOverhead = 512;
}  // namespace

int64_t BatchBytes(const arrow::RecordBatch& batch) {
  // A slice counts as what it refers to, not as the whole that it was cut from: else a single slice
  // of a large table would fill the buffer.
  auto bytes = arrow::util::ReferencedBufferSize(batch);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(batch);
}

int64_t ResultBuffer::Cost(int64_t bytes) { return bytes + kBatchOverhead; }

void ResultBuffer::Append(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes) {
  const int64_t cost = Cost(bytes);
  items_.push_back({std::move(batch), cost});
  ++end_;
  ahead_bytes_ += cost;
  held_bytes_ += cost;
}

std::shared_ptr<arrow::RecordBatch> ResultBuffer::Take(int64_t position) {
  Item& item = items_[static_cast<size_t>(position - first_)];
  if (position == furthest_) {
    ++furthest_;
    ahead_bytes_ -= item.cost;
  }
  if (keep_) return item.batch;
  std::shared_ptr<arrow::RecordBatch> batch = std::move(item.batch);
  held_bytes_ -= item.cost;
  items_.pop_front();
  ++first_;
  return batch;
}

std::deque<ResultBuffer::Item> ResultBuffer::Clear() {
  ahead_bytes_ = 0;
  held_bytes_ = 0;
  first_ = end_;
  furthest_ = end_;
  return std::exchange(items_, {});
}

}  // namespace longbow
