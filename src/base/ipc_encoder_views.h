/// \file
/// Columns of views without the bytes that nobody sees.
#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow {

/// Whether string or binary views are in `type`, at any depth.
bool HasViews(const arrow::DataType& type);

/// `data` with buffers that hold little but what its values refer to. A slice of a column of views
/// shares all of its parent's buffers, and would take them along over the wire.
/// Returns `data` itself where there is nothing to gain.
arrow::Result<std::shared_ptr<arrow::ArrayData>> CompactViews(
    const std::shared_ptr<arrow::ArrayData>& data, arrow::MemoryPool* pool);

}  // namespace longbow
