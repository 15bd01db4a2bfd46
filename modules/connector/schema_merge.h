/// \file
/// One schema for several files. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow::connector {

struct FileSchema {
  std::string file;
  std::shared_ptr<arrow::Schema> schema;
};

struct SchemaMergeOptions {
  /// Whether a file may lack columns that another has; they are null there.
  bool allow_missing = false;
};

/// The schema of the first file with the types widened so that the others' values fit: integers to
/// larger ones, integers to floating point, null to anything.
/// \param schemas at least one
/// Errors: COMMAND_FAILED where the files have different columns or types that do not fit, naming
/// file and column.
arrow::Result<std::shared_ptr<arrow::Schema>> MergeSchemas(const std::vector<FileSchema>& schemas,
                                                           const SchemaMergeOptions& options);

/// Whether the rows of `file` can be read as `schema`, by the names and types of the columns; those
/// of `given` (partitions) need not be in the file. Errors: as `MergeSchemas`.
arrow::Status CheckFileSchema(const FileSchema& file, const arrow::Schema& schema,
                              const arrow::Schema& given, const SchemaMergeOptions& options);

/// The schema with texts that are not views, which Arrow's filters do not understand.
/// Errors: COMMAND_FAILED where a column's name appears twice.
arrow::Result<std::shared_ptr<arrow::Schema>> ReadableSchema(const FileSchema& file);

/// The schema with text as the type of columns that have none, since no value of theirs was seen.
std::shared_ptr<arrow::Schema> WithoutUntypedColumns(const arrow::Schema& schema);

}  // namespace longbow::connector
