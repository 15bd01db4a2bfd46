#include "schema_merge.h"

#include <set>
#include <utility>

#include <arrow/type.h>
#include <arrow/type_traits.h>

#include <longbow/error.h>

namespace longbow::connector {

namespace {

arrow::Field::MergeOptions Widening() {
  auto options = arrow::Field::MergeOptions::Defaults();
  options.promote_nullability = true;
  options.promote_integer_sign = true;
  options.promote_numeric_width = true;
  options.promote_integer_to_float = true;
  options.promote_decimal = true;
  options.promote_temporal_unit = true;
  options.promote_binary = true;
  return options;
}

arrow::Status Differs(const std::string& file, const std::string& problem) {
  return MakeError(ErrorCode::kCommandFailed, "the files differ: '" + file + "' " + problem +
                                                  "; name files of one kind with `path`");
}

arrow::Result<std::shared_ptr<arrow::Field>> MergeField(const std::shared_ptr<arrow::Field>& ours,
                                                        const std::shared_ptr<arrow::Field>& theirs,
                                                        const std::string& file) {
  auto merged = ours->MergeWith(*theirs, Widening());
  if (merged.ok()) return merged;
  return Differs(file, "has the column '" + ours->name() + "' as " + theirs->type()->ToString() +
                           ", others have it as " + ours->type()->ToString());
}

std::shared_ptr<arrow::DataType> ReadableType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::BINARY_VIEW:
      return arrow::binary();
    default:
      return type;
  }
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Schema>> MergeSchemas(const std::vector<FileSchema>& schemas,
                                                           const SchemaMergeOptions& options) {
  auto fields = schemas[0].schema->fields();
  for (size_t i = 1; i < schemas.size(); ++i) {
    const auto& [file, schema] = schemas[i];
    std::set<std::string> names;
    for (auto& field : fields) {
      names.insert(field->name());
      auto theirs = schema->GetFieldByName(field->name());
      if (theirs != nullptr) {
        ARROW_ASSIGN_OR_RAISE(field, MergeField(field, theirs, file));
      } else if (!options.allow_missing) {
        return Differs(
            file, "has no column '" + field->name() + "', which '" + schemas[0].file + "' has");
      }
    }
    for (const auto& theirs : schema->fields()) {
      if (names.contains(theirs->name())) continue;
      if (!options.allow_missing) {
        return Differs(
            file, "has a column '" + theirs->name() + "', which '" + schemas[0].file + "' has not");
      }
      fields.push_back(theirs);
    }
  }
  return arrow::schema(std::move(fields), schemas[0].schema->metadata());
}

arrow::Status CheckFileSchema(const FileSchema& file, const arrow::Schema& schema,
                              const arrow::Schema& given, const SchemaMergeOptions& options) {
  for (const auto& field : schema.fields()) {
    auto theirs = file.schema->GetFieldByName(field->name());
    if (theirs != nullptr) {
      ARROW_RETURN_NOT_OK(MergeField(field, theirs, file.file));
    } else if (!options.allow_missing && given.GetFieldIndex(field->name()) < 0) {
      return Differs(file.file, "has no column '" + field->name() + "', which others have");
    }
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Schema>> ReadableSchema(const FileSchema& file) {
  arrow::FieldVector fields;
  std::set<std::string> names;
  for (const auto& field : file.schema->fields()) {
    if (!names.insert(field->name()).second) {
      return MakeError(ErrorCode::kCommandFailed,
                       "'" + file.file + "' has several columns with the name '" + field->name() +
                           "', so none of them can be asked for: rename them in the file");
    }
    fields.push_back(field->WithType(ReadableType(field->type())));
  }
  return arrow::schema(std::move(fields), file.schema->metadata());
}

std::shared_ptr<arrow::Schema> WithoutUntypedColumns(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    const bool untyped = field->type()->id() == arrow::Type::NA;
    fields.push_back(untyped ? field->WithType(arrow::utf8()) : field);
  }
  return arrow::schema(std::move(fields), schema.metadata());
}

}  // namespace longbow::connector
