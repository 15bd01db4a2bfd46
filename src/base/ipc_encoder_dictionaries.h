/// \file
/// Dictionary columns as plain ones. Pure.
#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow {

/// `type` with each dictionary in it replaced by its values' type, at any depth; the same object
/// where there is none. What is inside of an extension type stays.
std::shared_ptr<arrow::DataType> DecodedType(const std::shared_ptr<arrow::DataType>& type);

/// The array in that type. Copies what was a dictionary, shares the rest.
/// Errors: Arrow's; CapacityError where decoded texts do not fit into one array.
arrow::Result<std::shared_ptr<arrow::ArrayData>> DecodeDictionaries(
    const std::shared_ptr<arrow::ArrayData>& data, arrow::MemoryPool* pool);

}  // namespace longbow
