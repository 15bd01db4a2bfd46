#include "flight/result_metadata.h"

#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

std::shared_ptr<arrow::KeyValueMetadata> Changed(
    const std::shared_ptr<const arrow::KeyValueMetadata>& metadata,
    const MetadataChanges& changes) {
  auto result = metadata ? metadata->Copy() : std::make_shared<arrow::KeyValueMetadata>();
  for (const auto& [key, value] : changes) {
    if (value) {
      // Setting an existing or a new key cannot fail.
      (void)result->Set(key, *value);
    } else if (result->Contains(key)) {
      (void)result->Delete(key);
    }
  }
  return result;
}

class ReaderWithSchema : public arrow::RecordBatchReader {
 public:
  ReaderWithSchema(std::unique_ptr<arrow::RecordBatchReader> reader,
                   std::shared_ptr<arrow::Schema> schema)
      : reader_(std::move(reader)), schema_(std::move(schema)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(batch));
    if (*batch) {
      *batch = arrow::RecordBatch::Make(schema_, (*batch)->num_rows(), (*batch)->columns());
    }
    return arrow::Status::OK();
  }

  arrow::Status Close() override { return reader_->Close(); }

 private:
  std::unique_ptr<arrow::RecordBatchReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::Schema>> ChangeMetadata(
    const std::shared_ptr<arrow::Schema>& schema, const ResultMetadata& changes) {
  if (changes.empty()) return schema;
  auto result = schema;
  for (const auto& [name, field_changes] : changes.fields) {
    const int index = result->GetFieldIndex(name);
    if (index < 0) {
      return MakeError(ErrorCode::kBadArgument,
                       "payload.resultMetadata.fields names '" + name +
                           "', which is not exactly one column of the result",
                       "The result has: " + schema->ToString());
    }
    const auto& field = result->field(index);
    ARROW_ASSIGN_OR_RAISE(
        result,
        result->SetField(index, field->WithMetadata(Changed(field->metadata(), field_changes))));
  }
  if (!changes.schema.empty()) {
    result = result->WithMetadata(Changed(result->metadata(), changes.schema));
  }
  return result;
}

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> ChangeMetadata(
    std::unique_ptr<arrow::RecordBatchReader> reader, const ResultMetadata& changes) {
  if (changes.empty()) return reader;
  ARROW_ASSIGN_OR_RAISE(auto schema, ChangeMetadata(reader->schema(), changes));
  return std::make_unique<ReaderWithSchema>(std::move(reader), std::move(schema));
}

}  // namespace longbow::flight
