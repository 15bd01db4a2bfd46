#include "batch_copy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

namespace longbow::storage {

namespace {

bool IsView(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING_VIEW || type.id() == arrow::Type::BINARY_VIEW;
}

bool HoldsViews(const arrow::DataType& type) {
  return IsView(type) || std::any_of(type.fields().begin(), type.fields().end(),
                                     [](const auto& field) { return HoldsViews(*field->type()); });
}

// Arrow counts all data buffers of a view array in full, also those of a slice with few values.
int64_t ReferencedBytesOfViews(const arrow::ArrayData& data) {
  const auto* views = data.GetValues<arrow::BinaryViewType::c_type>(1);
  int64_t bytes = data.length * static_cast<int64_t>(sizeof(*views)) + data.length / 8;
  for (int64_t i = 0; i < data.length; ++i) {
    if (!views[i].is_inline()) bytes += views[i].size();
  }
  return bytes;
}

int64_t ReferencedBytes(const arrow::ArrayData& data) {
  if (IsView(*data.type)) return ReferencedBytesOfViews(data);
  auto bytes = arrow::util::ReferencedBufferSize(data);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(data);
}

// `Concatenate` keeps the data buffers of views in full; builders copy the values.
arrow::Result<std::shared_ptr<arrow::Array>> Rebuild(const arrow::ArrayVector& arrays,
                                                     arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(arrays[0]->type(), pool));
  for (const auto& array : arrays) {
    ARROW_RETURN_NOT_OK(
        builder->AppendArraySlice(arrow::ArraySpan(*array->data()), 0, array->length()));
  }
  return builder->Finish();
}

}  // namespace

int64_t ReferencedBytes(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  for (int i = 0; i < batch.num_columns(); ++i) bytes += ReferencedBytes(*batch.column_data(i));
  return bytes;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> JoinBatches(
    const arrow::RecordBatchVector& batches, arrow::MemoryPool* pool) {
  int64_t rows = 0;
  for (const auto& batch : batches) rows += batch->num_rows();
  const auto& schema = batches[0]->schema();
  std::vector<std::shared_ptr<arrow::Array>> columns(schema->num_fields());
  for (int i = 0; i < schema->num_fields(); ++i) {
    arrow::ArrayVector parts;
    for (const auto& batch : batches) parts.push_back(batch->column(i));
    const bool rebuild = HoldsViews(*schema->field(i)->type());
    ARROW_ASSIGN_OR_RAISE(columns[i],
                          rebuild ? Rebuild(parts, pool) : arrow::Concatenate(parts, pool));
  }
  return arrow::RecordBatch::Make(schema, rows, std::move(columns));
}

}  // namespace longbow::storage
