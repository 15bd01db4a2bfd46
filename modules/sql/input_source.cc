#include "input_source.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <duckdb/main/database.hpp>
#include <duckdb/storage/buffer_manager.hpp>

#include <arrow/array/array_base.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include <longbow/error.h>

#include "input_types.h"

namespace longbow::sql {
namespace {

bool HasUniqueNames(const arrow::Schema& schema) {
  std::set<std::string_view> names;
  for (const auto& field : schema.fields()) {
    if (!names.insert(field->name()).second) return false;
  }
  return true;
}

// Not `RecordBatch::SelectColumns`, which loses the number of rows where no column is left.
std::shared_ptr<arrow::RecordBatch> SelectColumns(const arrow::RecordBatch& batch,
                                                  const std::vector<int>& selected) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (int column : selected) {
    fields.push_back(batch.schema()->field(column));
    columns.push_back(batch.column(column));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), batch.num_rows(),
                                  std::move(columns));
}

// A reader, of which some columns are taken.
class DirectSource final : public BatchSource {
 public:
  DirectSource(std::shared_ptr<arrow::RecordBatchReader> reader, std::vector<int> selected,
               bool select)
      : reader_(std::move(reader)), selected_(std::move(selected)), select_(select) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader_->ReadNext(&batch));
    if (batch == nullptr || !select_) return batch;
    return SelectColumns(*batch, selected_);
  }

 private:
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  std::vector<int> selected_;
  bool select_;
};

// DuckDB reads buffers as the schema says, so a reader that keeps no word must not get that far.
arrow::Status CheckReader(const arrow::RecordBatchReader& reader, const InputTable& table,
                          const std::vector<int>& columns) {
  const auto schema = reader.schema();
  bool fits = schema->num_fields() == static_cast<int>(columns.size());
  for (size_t i = 0; fits && i < columns.size(); ++i) {
    fits = schema->field(static_cast<int>(i))
               ->type()
               ->Equals(*table.schema->field(columns[i])->type());
  }
  if (fits) return arrow::Status::OK();
  return MakeError(ErrorCode::kInternalError,
                   "The input '" + table.name + "' gives other columns than its schema says");
}

class SpooledSource final : public BatchSource {
 public:
  SpooledSource(std::shared_ptr<InputSpool> spool, std::vector<int> selected)
      : spool_(std::move(spool)), selected_(std::move(selected)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    ARROW_ASSIGN_OR_RAISE(auto batch, spool_->Get(next_));
    if (batch == nullptr) return batch;
    ++next_;
    return SelectColumns(*batch, selected_);
  }

 private:
  std::shared_ptr<InputSpool> spool_;
  std::vector<int> selected_;
  size_t next_ = 0;
};

class DecodingSource final : public BatchSource {
 public:
  explicit DecodingSource(std::unique_ptr<BatchSource> source) : source_(std::move(source)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    ARROW_ASSIGN_OR_RAISE(auto batch, source_->Next());
    if (batch == nullptr) return batch;
    arrow::FieldVector fields;
    arrow::ArrayVector columns;
    for (int i = 0; i < batch->num_columns(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto column, DecodeInner(*batch->column(i)));
      fields.push_back(batch->schema()->field(i)->WithType(column->type()));
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), batch->num_rows(),
                                    std::move(columns));
  }

 private:
  std::unique_ptr<BatchSource> source_;
};

}  // namespace

arrow::Result<std::unique_ptr<BatchSource>> OpenDirect(Inputs& inputs, const InputTable& table,
                                                       const std::vector<int>& columns) {
  if (!HasUniqueNames(*table.schema)) {
    // Names cannot say which of two is wanted.
    std::vector<int> all(static_cast<size_t>(table.schema->num_fields()));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    ARROW_ASSIGN_OR_RAISE(auto reader, inputs.Open(table.name));
    ARROW_RETURN_NOT_OK(CheckReader(*reader, table, all));
    return std::make_unique<DirectSource>(std::move(reader), columns, /*select=*/true);
  }
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (int column : columns) names.push_back(table.schema->field(column)->name());
  ARROW_ASSIGN_OR_RAISE(auto reader, inputs.Open(table.name, std::move(names)));
  ARROW_RETURN_NOT_OK(CheckReader(*reader, table, columns));
  return std::make_unique<DirectSource>(std::move(reader), std::vector<int>{}, /*select=*/false);
}

InputSpool::InputSpool(Inputs& inputs, const InputTable& table, std::vector<int> columns,
                       duckdb::shared_ptr<duckdb::DatabaseInstance> database)
    : inputs_(inputs),
      table_(table),
      columns_(std::move(columns)),
      database_(std::move(database)) {}

InputSpool::~InputSpool() {
  database_->GetBufferManager().FreeReservedMemory(static_cast<duckdb::idx_t>(reserved_bytes_));
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> InputSpool::Get(size_t index) {
  std::lock_guard lock(mutex_);
  while (index >= batches_.size() && !done_) {
    if (error_.ok()) error_ = ReadOne();
    ARROW_RETURN_NOT_OK(error_);
  }
  if (index >= batches_.size()) return nullptr;
  return batches_[index];
}

arrow::Status InputSpool::ReadOne() {
  if (source_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(source_, OpenDirect(inputs_, table_, columns_));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, source_->Next());
  if (batch == nullptr) {
    done_ = true;
    source_.reset();
    return arrow::Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*batch));
  try {
    database_->GetBufferManager().ReserveMemory(static_cast<duckdb::idx_t>(bytes));
  } catch (const std::exception&) {
    return MakeError(ErrorCode::kResourceExhausted,
                     "The query reads the input '" + table_.name +
                         "' several times, and it does not fit into the query's memory",
                     "The input can be made only once, so it is kept. Store it under a path first, "
                     "name it once in the query, or raise query_memory_limit of [sql].");
  }
  reserved_bytes_ += bytes;
  batches_.push_back(std::move(batch));
  return arrow::Status::OK();
}

std::unique_ptr<BatchSource> OpenSpooled(std::shared_ptr<InputSpool> spool,
                                         const std::vector<int>& columns) {
  const std::vector<int>& held = spool->columns();
  std::vector<int> selected;
  selected.reserve(columns.size());
  for (int column : columns) {
    const auto at = std::lower_bound(held.begin(), held.end(), column);
    selected.push_back(static_cast<int>(at - held.begin()));
  }
  return std::make_unique<SpooledSource>(std::move(spool), std::move(selected));
}

std::unique_ptr<BatchSource> DecodeInnerDictionaries(std::unique_ptr<BatchSource> source,
                                                     const InputTable& table,
                                                     const std::vector<int>& columns) {
  const bool has_some = std::any_of(columns.begin(), columns.end(), [&](int column) {
    return HoldsInnerDictionary(*table.schema->field(column)->type());
  });
  if (!has_some) return source;
  return std::make_unique<DecodingSource>(std::move(source));
}

}  // namespace longbow::sql
