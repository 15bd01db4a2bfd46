#include "base/ipc_encoder_views.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <arrow/array/array_base.h>
#include <arrow/array/builder_base.h>
#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/extension_type.h>
#include <arrow/type.h>
#include <arrow/util/bitmap_ops.h>
#include <arrow/util/checked_cast.h>

#include "base/ipc_encoder_size.h"

namespace longbow {
namespace {

using arrow::internal::checked_cast;
using DataPtr = std::shared_ptr<arrow::ArrayData>;
using View = arrow::BinaryViewType::c_type;

// So much may travel in vain before copying pays.
constexpr int64_t kWasteBytes = 4096;

bool IsView(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING_VIEW || type.id() == arrow::Type::BINARY_VIEW;
}

// The bytes of all buffers that hold values of views, at any depth.
int64_t ViewBufferBytes(const arrow::ArrayData& data) {
  int64_t bytes = 0;
  if (IsView(*data.type)) {
    for (size_t i = 2; i < data.buffers.size(); ++i) {
      if (data.buffers[i] != nullptr) bytes += data.buffers[i]->size();
    }
  }
  for (const auto& child : data.child_data) bytes += ViewBufferBytes(*child);
  return bytes;
}

// One new buffer of views and one of the values that they refer to.
arrow::Result<DataPtr> CopyViews(const arrow::ArrayData& data, int64_t bytes,
                                 arrow::MemoryPool* pool) {
  const int64_t length = data.length;
  ARROW_ASSIGN_OR_RAISE(auto views, arrow::AllocateBuffer(length * int64_t{sizeof(View)}, pool));
  ARROW_ASSIGN_OR_RAISE(auto values, arrow::AllocateBuffer(bytes, pool));
  const View* from = data.GetValues<View>(1);
  auto* to = views->mutable_data_as<View>();
  int32_t end = 0;
  for (int64_t i = 0; i < length; ++i) {
    if (data.IsNull(i)) {
      to[i] = View{};
      continue;
    }
    to[i] = from[i];
    if (from[i].is_inline()) continue;
    const auto& ref = from[i].ref;
    std::memcpy(values->mutable_data() + end,
                data.buffers[2 + ref.buffer_index]->data() + ref.offset, ref.size);
    to[i].ref.buffer_index = 0;
    to[i].ref.offset = end;
    end += ref.size;
  }
  std::shared_ptr<arrow::Buffer> bitmap;
  if (data.buffers[0] != nullptr) {
    ARROW_ASSIGN_OR_RAISE(
        bitmap, arrow::internal::CopyBitmap(pool, data.buffers[0]->data(), data.offset, length));
  }
  return arrow::ArrayData::Make(data.type, length,
                                {std::move(bitmap), std::move(views), std::move(values)},
                                data.null_count.load());
}

// A copy of what `data` shows, by way of a builder: slower, but it knows all nested types.
arrow::Result<DataPtr> CopyNested(const DataPtr& data, arrow::MemoryPool* pool) {
  std::unique_ptr<arrow::ArrayBuilder> builder;
  ARROW_RETURN_NOT_OK(arrow::MakeBuilder(pool, data->type, &builder));
  ARROW_RETURN_NOT_OK(builder->AppendArraySlice(arrow::ArraySpan(*data), 0, data->length));
  std::shared_ptr<arrow::ArrayData> copy;
  ARROW_RETURN_NOT_OK(builder->FinishInternal(&copy));
  return copy;
}

}  // namespace

bool HasViews(const arrow::DataType& type) {
  if (type.id() == arrow::Type::EXTENSION) {
    return HasViews(*checked_cast<const arrow::ExtensionType&>(type).storage_type());
  }
  return IsView(type) || std::any_of(type.fields().begin(), type.fields().end(),
                                     [](const auto& f) { return HasViews(*f->type()); });
}

arrow::Result<DataPtr> CompactViews(const DataPtr& data, arrow::MemoryPool* pool) {
  if (data->type->id() == arrow::Type::EXTENSION) {
    auto storage = data->Copy();
    storage->type = checked_cast<const arrow::ExtensionType&>(*data->type).storage_type();
    ARROW_ASSIGN_OR_RAISE(const DataPtr compact, CompactViews(storage, pool));
    if (compact == storage) return data;
    auto copy = compact->Copy();
    copy->type = data->type;
    return copy;
  }
  if (!HasViews(*data->type)) return data;
  const int64_t held = ViewBufferBytes(*data);
  if (held <= kWasteBytes) return data;
  if (!IsView(*data->type)) {
    // How much of it is seen is not worth finding out unless it may be a part.
    if (data->offset == 0 && held < (int64_t{1} << 20)) return data;
    auto copy = CopyNested(data, pool);
    if (copy.status().IsNotImplemented()) return data;
    return copy;
  }
  const int64_t seen = ReferencedViewBytes(*data, data->offset, data->length);
  if (held - seen <= std::max(kWasteBytes, seen / 4)) return data;
  if (seen > std::numeric_limits<int32_t>::max()) return data;
  return CopyViews(*data, seen, pool);
}

}  // namespace longbow
