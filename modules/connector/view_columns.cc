#include "view_columns.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/bitmap_ops.h>

#include <longbow/error.h>

namespace longbow::connector {

namespace {

bool IsView(const arrow::Array& array) {
  return array.type_id() == arrow::Type::STRING_VIEW || array.type_id() == arrow::Type::BINARY_VIEW;
}

// The end of each value among all values, and so the size of all.
arrow::Result<std::shared_ptr<arrow::Buffer>> MakeOffsets(const arrow::BinaryViewArray& views,
                                                          arrow::MemoryPool* pool) {
  const int64_t rows = views.length();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer((rows + 1) * sizeof(int32_t), pool));
  auto* offsets = reinterpret_cast<int32_t*>(buffer->mutable_data());
  int64_t end = 0;
  offsets[0] = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (views.IsValid(i)) end += views.raw_values()[i].size();
    if (end > std::numeric_limits<int32_t>::max()) {
      return MakeError(ErrorCode::kResourceExhausted,
                       "a column has more than 2 GiB of text in one batch: store the file in "
                       "smaller row groups");
    }
    offsets[i + 1] = static_cast<int32_t>(end);
  }
  return buffer;
}

arrow::Result<std::shared_ptr<arrow::Array>> CopyViews(const arrow::BinaryViewArray& views,
                                                       arrow::MemoryPool* pool) {
  const int64_t rows = views.length();
  ARROW_ASSIGN_OR_RAISE(auto offset_buffer, MakeOffsets(views, pool));
  const auto* offsets = reinterpret_cast<const int32_t*>(offset_buffer->data());
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> text,
                        arrow::AllocateBuffer(offsets[rows], pool));
  uint8_t* out = text->mutable_data();
  for (int64_t i = 0; i < rows; ++i) {
    const int32_t size = offsets[i + 1] - offsets[i];
    if (size > 0) std::memcpy(out + offsets[i], views.GetView(i).data(), size);
  }
  std::shared_ptr<arrow::Buffer> validity;
  if (views.null_count() > 0) {
    ARROW_ASSIGN_OR_RAISE(validity, arrow::internal::CopyBitmap(pool, views.null_bitmap_data(),
                                                                views.offset(), rows));
  }
  const auto type = views.type_id() == arrow::Type::STRING_VIEW ? arrow::utf8() : arrow::binary();
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, rows, {validity, offset_buffer, text}, views.null_count()));
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> WithoutViews(
    std::shared_ptr<arrow::RecordBatch> batch, arrow::MemoryPool* pool) {
  arrow::FieldVector fields = batch->schema()->fields();
  arrow::ArrayVector columns = batch->columns();
  bool changed = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!IsView(*columns[i])) continue;
    const auto& views = static_cast<const arrow::BinaryViewArray&>(*columns[i]);
    ARROW_ASSIGN_OR_RAISE(columns[i], CopyViews(views, pool));
    fields[i] = fields[i]->WithType(columns[i]->type());
    changed = true;
  }
  if (!changed) return batch;
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields), batch->schema()->metadata()),
                                  batch->num_rows(), std::move(columns));
}

}  // namespace longbow::connector
