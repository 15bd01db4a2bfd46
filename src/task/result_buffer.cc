#include "task/result_buffer.h"

#include <utility>

#include <arrow/array/data.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/byte_size.h>

namespace longbow {

namespace {
/// Roughly what a batch with a few columns takes beside its data.
constexpr int64_t kBatchOverhead = 512;

template <typename Offset>
int64_t BinaryBytes(const arrow::ArrayData& data) {
  const Offset* offsets = data.GetValues<Offset>(1);
  if (data.length == 0 || offsets == nullptr) return 0;
  return (data.length + 1) * static_cast<int64_t>(sizeof(Offset)) +
         static_cast<int64_t>(offsets[data.length] - offsets[0]);
}

// Arrow's own way builds arrays of ranges, which for small batches takes longer than all else that
// is done with them; so the plain types are counted here.
int64_t ColumnBytes(const arrow::ArrayData& data) {
  const arrow::Type::type type = data.type->id();
  const int64_t validity = data.buffers[0] != nullptr ? (data.length + 7) / 8 : 0;
  if (arrow::is_primitive(type) || arrow::is_decimal(type) ||
      type == arrow::Type::FIXED_SIZE_BINARY) {
    const auto& fixed = static_cast<const arrow::FixedWidthType&>(*data.type);
    return validity + (data.length * fixed.bit_width() + 7) / 8;
  }
  if (arrow::is_binary_like(type)) return validity + BinaryBytes<int32_t>(data);
  if (arrow::is_large_binary_like(type)) return validity + BinaryBytes<int64_t>(data);
  auto bytes = arrow::util::ReferencedBufferSize(data);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(data);
}

}  // namespace

int64_t BatchBytes(const arrow::RecordBatch& batch) {
  // A slice counts as what it refers to, not as the whole that it was cut from: else a single slice
  // of a large table would fill the buffer.
  int64_t bytes = 0;
  for (int i = 0; i < batch.num_columns(); ++i) bytes += ColumnBytes(*batch.column_data(i));
  return bytes;
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
