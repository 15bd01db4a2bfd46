/// \file
/// Inputs of a service that a test gives as tables, without a server.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include <longbow/error.h>
#include <longbow/service.h>

namespace longbow::testing {

/// Thread-safe once filled. The readers share the tables' memory and may outlive this.
class FakeInputs : public Inputs {
 public:
  /// How an input behaves.
  struct Options {
    bool replayable = true;
    bool knows_row_count = true;
    /// What reading ends with, after all rows, instead of the end of the stream.
    arrow::Status end = arrow::Status::OK();
  };

  /// Adds an input, one batch per chunk of the table.
  void Add(std::string name, std::shared_ptr<arrow::Table> table) {
    Add(std::move(name), std::move(table), Options());
  }
  void Add(std::string name, std::shared_ptr<arrow::Table> table, Options options) {
    inputs_[std::move(name)] = Input{std::move(table), std::move(options), 0};
  }
  /// Adds an input of these batches, which all have `schema`.
  arrow::Status AddBatches(std::string name, const std::shared_ptr<arrow::Schema>& schema,
                           const arrow::RecordBatchVector& batches) {
    ARROW_ASSIGN_OR_RAISE(auto table, arrow::Table::FromRecordBatches(schema, batches));
    Add(std::move(name), std::move(table));
    return arrow::Status::OK();
  }

  /// How often an input was opened.
  int open_count(const std::string& name) const {
    std::lock_guard lock(mutex_);
    auto it = inputs_.find(name);
    return it == inputs_.end() ? 0 : it->second.open_count;
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, input] : inputs_) names.push_back(name);
    return names;
  }

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const std::string& name) override {
    auto it = inputs_.find(name);
    if (it == inputs_.end()) return NoInput(name);
    return it->second.table->schema();
  }

  std::optional<int64_t> RowCount(const std::string& name) override {
    auto it = inputs_.find(name);
    if (it == inputs_.end() || !it->second.options.knows_row_count) return std::nullopt;
    return it->second.table->num_rows();
  }

  bool replayable(const std::string& name) override {
    auto it = inputs_.find(name);
    return it != inputs_.end() && it->second.options.replayable;
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(
      const std::string& name, std::optional<std::vector<std::string>> columns = {}) override {
    auto it = inputs_.find(name);
    if (it == inputs_.end()) return NoInput(name);
    Input& input = it->second;
    {
      std::lock_guard lock(mutex_);
      if (input.open_count > 0 && !input.options.replayable) {
        return MakeError(ErrorCode::kCommandResultConsumed,
                         "The input '" + name + "' can be read once only");
      }
      ++input.open_count;
    }
    std::vector<int> indices;
    if (columns.has_value()) {
      for (const std::string& column : *columns) {
        int index = input.table->schema()->GetFieldIndex(column);
        if (index < 0) {
          return MakeError(ErrorCode::kBadArgument,
                           "The input '" + name + "' has no column '" + column + "'");
        }
        indices.push_back(index);
      }
    } else {
      for (int i = 0; i < input.table->num_columns(); ++i) indices.push_back(i);
    }
    return std::make_shared<Reader>(input.table, indices, input.options.end);
  }

 private:
  struct Input {
    std::shared_ptr<arrow::Table> table;
    Options options;
    int open_count = 0;
  };

  class Reader : public arrow::RecordBatchReader {
   public:
    Reader(std::shared_ptr<arrow::Table> table, const std::vector<int>& indices, arrow::Status end)
        : table_(std::move(table)), batches_(*table_), indices_(indices), end_(std::move(end)) {
      std::vector<std::shared_ptr<arrow::Field>> fields;
      for (int index : indices) fields.push_back(table_->schema()->field(index));
      schema_ = arrow::schema(std::move(fields), table_->schema()->metadata());
    }

    std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
      std::shared_ptr<arrow::RecordBatch> whole;
      ARROW_RETURN_NOT_OK(batches_.ReadNext(&whole));
      *out = nullptr;
      if (whole == nullptr) return end_;
      std::vector<std::shared_ptr<arrow::Array>> columns;
      for (int index : indices_) columns.push_back(whole->column(index));
      // Not SelectColumns: that loses the number of rows where no column is left.
      *out = arrow::RecordBatch::Make(schema_, whole->num_rows(), std::move(columns));
      return arrow::Status::OK();
    }

   private:
    std::shared_ptr<arrow::Table> table_;
    arrow::TableBatchReader batches_;
    std::vector<int> indices_;
    std::shared_ptr<arrow::Schema> schema_;
    arrow::Status end_;
  };

  static arrow::Status NoInput(const std::string& name) {
    return MakeError(ErrorCode::kNotFound, "The command has no input '" + name + "'");
  }

  std::map<std::string, Input> inputs_;
  mutable std::mutex mutex_;
};

}  // namespace longbow::testing
