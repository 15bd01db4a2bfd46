/// \file
/// What the tests of this folder share: a service with an engine, and inputs that are tables.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <arrow/api.h>

#include <longbow/error.h>
#include <longbow/testing/fake_inputs.h>
#include <longbow/testing/fake_task_context.h>

#include "query_engine.h"
#include "sql_service.h"

namespace longbow::sql {

/// Inputs that remember which columns they were opened with.
class RecordingInputs : public longbow::testing::FakeInputs {
 public:
  using Columns = std::optional<std::vector<std::string>>;

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const std::string& name,
                                                                Columns columns = {}) override {
    {
      std::lock_guard lock(mutex_);
      opened_.emplace_back(name, columns);
    }
    return FakeInputs::Open(name, std::move(columns));
  }

  std::vector<std::pair<std::string, Columns>> opened() const {
    std::lock_guard lock(mutex_);
    return opened_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, Columns>> opened_;
};

class SqlFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    spill_parent_ =
        std::filesystem::temp_directory_path() / ("longbow_sql_test_" + std::to_string(::getpid()));
    std::filesystem::create_directories(spill_parent_);
    MakeService({});
  }

  void TearDown() override {
    service_.reset();
    engine_.reset();
    EXPECT_TRUE(std::filesystem::is_empty(spill_parent_)) << "what was spilled is left behind";
    std::filesystem::remove_all(spill_parent_);
  }

  /// A service with other limits; the folder is set here.
  void MakeService(EngineOptions options) {
    service_.reset();
    engine_.reset();
    options.spill_folder = spill_parent_.string();
    engine_ = QueryEngine::Make(options).ValueOrDie();
    service_ = std::make_unique<SqlService>(engine_);
  }

  /// Numbers 0 to `rows` - 1 as `id`, their halves as `half`, and a text as `name`, in batches.
  static std::shared_ptr<arrow::Table> Numbers(int64_t rows, int64_t batch_rows = 1000) {
    auto schema =
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("half", arrow::float64()),
                       arrow::field("name", arrow::utf8())});
    arrow::RecordBatchVector batches;
    for (int64_t begin = 0; begin < rows; begin += batch_rows) {
      arrow::Int64Builder id;
      arrow::DoubleBuilder half;
      arrow::StringBuilder name;
      const int64_t end = std::min(rows, begin + batch_rows);
      for (int64_t i = begin; i < end; ++i) {
        EXPECT_TRUE(id.Append(i).ok());
        EXPECT_TRUE(half.Append(static_cast<double>(i) / 2).ok());
        EXPECT_TRUE(name.Append("the row of the number " + std::to_string(i)).ok());
      }
      batches.push_back(arrow::RecordBatch::Make(
          schema, end - begin,
          {id.Finish().ValueOrDie(), half.Finish().ValueOrDie(), name.Finish().ValueOrDie()}));
    }
    return arrow::Table::FromRecordBatches(schema, batches).ValueOrDie();
  }

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Start(const std::string& query,
                                                                 Value parameters = {}) {
    fields_ = {{"query", query}};
    if (!parameters.is_null()) fields_["parameters"] = std::move(parameters);
    return service_->Execute({.fields = fields_, .inputs = inputs_, .task = task_});
  }

  arrow::Result<std::shared_ptr<arrow::Table>> Run(const std::string& query,
                                                   Value parameters = {}) {
    ARROW_ASSIGN_OR_RAISE(auto reader, Start(query, std::move(parameters)));
    ARROW_ASSIGN_OR_RAISE(auto table, reader->ToTable());
    ARROW_RETURN_NOT_OK(table->ValidateFull());
    return table;
  }

  arrow::Result<std::shared_ptr<arrow::Schema>> Schema(const std::string& query,
                                                       Value parameters = {}) {
    fields_ = {{"query", query}};
    if (!parameters.is_null()) fields_["parameters"] = std::move(parameters);
    return service_->GetSchema({.fields = fields_, .inputs = inputs_, .task = task_});
  }

  /// The one value of a result of one row and one column, as text; the error where there is one.
  std::string Scalar(const std::string& query, Value parameters = {}) {
    auto table = Run(query, std::move(parameters));
    if (!table.ok()) return table.status().ToString();
    if ((*table)->num_rows() != 1 || (*table)->num_columns() != 1) {
      return "not one value: " + (*table)->ToString();
    }
    return (*table)->column(0)->GetScalar(0).ValueOrDie()->ToString();
  }

  std::filesystem::path spill_parent_;
  std::shared_ptr<QueryEngine> engine_;
  std::unique_ptr<SqlService> service_;
  RecordingInputs inputs_;
  longbow::testing::FakeTaskContext task_;
  Value::Object fields_;
};

/// The code of a status, by its name in the protocol.
inline std::string CodeName(const arrow::Status& status) {
  return status.ok() ? "OK" : std::string(ErrorName(ErrorCodeOf(status)));
}

inline std::string Detail(const arrow::Status& status) {
  const ErrorDetail* detail = ErrorDetailOf(status);
  return detail == nullptr ? "" : detail->detail();
}

}  // namespace longbow::sql
