/// \file
/// How many bytes of a batch would travel. Pure.
#pragma once

#include <cstdint>

#include <arrow/type_fwd.h>

namespace longbow {

/// The bytes that the body of a message with `batch` has, about: of a slice, only what it shows.
/// Dictionaries, which travel apart, do not count. Reads a few offsets, and each value of view
/// types.
int64_t WireBytes(const arrow::RecordBatch& batch);

/// The bytes outside of the views that the `length` values from `offset` on of a column of binary
/// or string views refer to.
int64_t ReferencedViewBytes(const arrow::ArrayData& data, int64_t offset, int64_t length);

}  // namespace longbow
