#include "base/ipc_encoder_size.h"

#include <algorithm>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/checked_cast.h>

namespace longbow {
namespace {

using arrow::ArrayData;
using arrow::internal::checked_cast;

// Of the array `data` the values [begin, begin + length), counted from where its buffers begin.
struct Range {
  int64_t begin;
  int64_t length;
};

int64_t BytesOf(const ArrayData& data, const arrow::DataType& type, Range range);

int64_t ChildBytes(const ArrayData& data, int i, Range range) {
  const ArrayData& child = *data.child_data[i];
  return BytesOf(child, *child.type, {range.begin + child.offset, range.length});
}

// The stretch of a child, or of bytes, that offsets of type `Offset` show.
template <typename Offset>
Range OffsetRange(const ArrayData& data, Range range) {
  const Offset* offsets = data.GetValues<Offset>(1, /*absolute_offset=*/0);
  if (offsets == nullptr || range.length == 0) return {0, 0};
  const Offset begin = offsets[range.begin];
  return {begin, offsets[range.begin + range.length] - begin};
}

// For layouts in which a slice's share of a child is not worth finding out: an equal share of it.
int64_t ShareOfChildren(const ArrayData& data, Range range) {
  double bytes = 0;
  for (size_t i = 0; i < data.child_data.size(); ++i) {
    const int64_t length = data.child_data[i]->length;
    bytes += static_cast<double>(ChildBytes(data, static_cast<int>(i), {0, length}));
  }
  const double share =
      static_cast<double>(range.length) / static_cast<double>(std::max<int64_t>(1, data.length));
  return static_cast<int64_t>(bytes * std::min(1.0, share));
}

int64_t BytesOfChildren(const ArrayData& data, Range range) {
  int64_t bytes = 0;
  for (size_t i = 0; i < data.child_data.size(); ++i) {
    bytes += ChildBytes(data, static_cast<int>(i), range);
  }
  return bytes;
}

int64_t BytesOfValues(const ArrayData& data, const arrow::DataType& type, Range range) {
  const int64_t length = range.length;
  switch (type.id()) {
    case arrow::Type::NA:
      return 0;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return 4 * length + OffsetRange<int32_t>(data, range).length;
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return 8 * length + OffsetRange<int64_t>(data, range).length;
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
      return 16 * length + ReferencedViewBytes(data, range.begin, length);
    case arrow::Type::LIST:
    case arrow::Type::MAP:
      return 4 * length + ChildBytes(data, 0, OffsetRange<int32_t>(data, range));
    case arrow::Type::LARGE_LIST:
      return 8 * length + ChildBytes(data, 0, OffsetRange<int64_t>(data, range));
    case arrow::Type::FIXED_SIZE_LIST: {
      const int64_t size = checked_cast<const arrow::FixedSizeListType&>(type).list_size();
      return ChildBytes(data, 0, {range.begin * size, length * size});
    }
    case arrow::Type::STRUCT:
      return BytesOfChildren(data, range);
    case arrow::Type::SPARSE_UNION:
      return length + BytesOfChildren(data, range);
    case arrow::Type::DENSE_UNION:
      return 5 * length + ShareOfChildren(data, range);
    case arrow::Type::LIST_VIEW:
      return 8 * length + ShareOfChildren(data, range);
    case arrow::Type::LARGE_LIST_VIEW:
      return 16 * length + ShareOfChildren(data, range);
    case arrow::Type::RUN_END_ENCODED:
      return ShareOfChildren(data, range);
    case arrow::Type::EXTENSION:
      return BytesOfValues(data, *checked_cast<const arrow::ExtensionType&>(type).storage_type(),
                           range);
    default:  // all others have values of a fixed width; dictionaries, indices
      return arrow::bit_util::BytesForBits(type.bit_width() * length);
  }
}

int64_t BytesOf(const ArrayData& data, const arrow::DataType& type, Range range) {
  const bool has_bitmap = !data.buffers.empty() && data.buffers[0] != nullptr &&
                          type.id() != arrow::Type::SPARSE_UNION &&
                          type.id() != arrow::Type::DENSE_UNION;
  return (has_bitmap ? range.length / 8 : 0) + BytesOfValues(data, type, range);
}

}  // namespace

int64_t ReferencedViewBytes(const ArrayData& data, int64_t offset, int64_t length) {
  const auto* views = data.GetValues<arrow::BinaryViewType::c_type>(1, /*absolute_offset=*/0);
  if (views == nullptr || data.buffers.size() <= 2) return 0;
  const uint8_t* bitmap = data.buffers[0] == nullptr ? nullptr : data.buffers[0]->data();
  int64_t bytes = 0;
  for (int64_t i = offset; i < offset + length; ++i) {
    if (views[i].is_inline()) continue;
    // The view of a null may be anything.
    if (bitmap == nullptr || arrow::bit_util::GetBit(bitmap, i)) bytes += views[i].size();
  }
  return bytes;
}

int64_t WireBytes(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  for (int i = 0; i < batch.num_columns(); ++i) {
    const ArrayData& data = *batch.column_data(i);
    bytes += BytesOf(data, *data.type, {data.offset, data.length});
  }
  return bytes;
}

}  // namespace longbow
