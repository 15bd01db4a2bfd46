/// \file
/// Arrow's types as DuckDB is to see them.
#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow::sql {

/// The field without metadata and, but for those that DuckDB knows (JSON, UUID, bool8), without
/// extension types, at every level: their buffers stay as they are. Metadata comes from whoever
/// stored the flight, and DuckDB would act upon some of it. Dictionaries are kept at the top, where
/// DuckDB reads them as they are, and stand decoded inside other types.
std::shared_ptr<arrow::Field> PlainField(const std::shared_ptr<arrow::Field>& field);

/// Whether DuckDB can be given data of a plain type; what it refuses itself when asked is left to
/// it.
bool IsReadableType(const arrow::DataType& type);

/// Whether the type is, or holds, a dictionary.
bool HoldsDictionary(const arrow::DataType& type);

/// Whether data of the type has dictionaries that `DecodeInner` must decode.
bool HoldsInnerDictionary(const arrow::DataType& type);

/// `array` with its inner dictionaries decoded, as `PlainField` says. Copies what it decodes.
arrow::Result<std::shared_ptr<arrow::Array>> DecodeInner(const arrow::Array& array);

}  // namespace longbow::sql
