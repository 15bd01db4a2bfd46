/// \file
/// Arrow's types as DuckDB is to see them.
#pragma once

#include <memory>

#include <arrow/type_fwd.h>

namespace longbow::sql {

/// The field without metadata and, but for those that DuckDB knows (JSON, UUID, bool8), without
/// extension types, at every level: their buffers stay as they are. Metadata comes from whoever
/// stored the flight, and DuckDB would act upon some of it.
std::shared_ptr<arrow::Field> PlainField(const std::shared_ptr<arrow::Field>& field);

/// Whether DuckDB can be given data of a plain type; what it refuses itself when asked is left to
/// it.
bool IsReadableType(const arrow::DataType& type);

/// Whether the type, or one inside it, is dictionary-encoded.
bool HoldsDictionary(const arrow::DataType& type);

}  // namespace longbow::sql
