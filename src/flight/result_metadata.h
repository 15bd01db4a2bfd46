/// \file
/// Applies a command's `resultMetadata` to the schema of its result, and selects columns.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "payload/command.h"

namespace longbow::flight {

/// The schema with its key-value metadata changed.
/// Errors: BAD_ARGUMENT for a field that the schema does not have.
arrow::Result<std::shared_ptr<arrow::Schema>> ChangeMetadata(
    const std::shared_ptr<arrow::Schema>& schema, const ResultMetadata& changes);

/// Reads from `reader` under a schema with changed metadata. Returns `reader` itself where there is
/// nothing to change. Batches share their columns.
arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> ChangeMetadata(
    std::unique_ptr<arrow::RecordBatchReader> reader, const ResultMetadata& changes);

}  // namespace longbow::flight
