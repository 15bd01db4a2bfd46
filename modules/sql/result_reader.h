/// \file
/// A query being run, and its result as a stream of batches.
///
/// DuckDB works ahead of the reader until a few megabytes are waiting, and then rests: its threads
/// hold nothing up and are busy with nothing while nobody reads.
#pragma once

#include <memory>
#include <string>

#include <duckdb.hpp>
#include <duckdb/common/arrow/arrow_appender.hpp>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/service.h>

#include "input_scan.h"
#include "query_engine.h"
#include "query_parameters.h"

namespace longbow::sql {

/// What is to be run. The inputs and the task outlive the reader.
struct QueryRequest {
  std::string query;
  ParameterValues parameters;
  Inputs& inputs;
  TaskContext& task;
};

/// A connection of an instance of its own, with the inputs of one query. Cancels and frees all of
/// it when destroyed; that waits for DuckDB's threads to leave the query, which they do within
/// milliseconds, or, where one of them waits for an input, once that gives up.
class QuerySession {
 public:
  /// Errors: BAD_ARGUMENT for bad names of inputs, what `QueryEngine::Acquire` gives.
  static arrow::Result<std::unique_ptr<QuerySession>> Open(std::shared_ptr<QueryEngine> engine,
                                                           QueryRequest request);
  ~QuerySession();

  /// Plans the query and begins to run it. Errors: as `QueryError`, and those of the inputs.
  arrow::Status Start();
  /// The result's schema. After `Start`, or, without running anything, instead of it.
  arrow::Result<std::shared_ptr<arrow::Schema>> Schema();
  /// The next batch; null at the end. After `Start`. One thread at a time.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next();

 private:
  QuerySession(EngineLease lease, QueryRequest request, const EngineOptions& options);

  arrow::Status BindOnly();
  arrow::Status MakeSchema(const duckdb::vector<duckdb::LogicalType>& types,
                           const duckdb::vector<duckdb::string>& names);
  duckdb::unique_ptr<duckdb::DataChunk> Fetch();
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Import(duckdb::ArrowAppender& appender);
  /// Tells an error of this query: the task's end first, then the inputs', then DuckDB's.
  arrow::Status Translate(const duckdb::ErrorData& error, bool running);

  QueryRequest request_;
  const int64_t memory_limit_;
  const int64_t spill_limit_;
  // Destroyed from the bottom up: results, then the connection, then the lease.
  EngineLease lease_;
  std::unique_ptr<duckdb::Connection> connection_;
  duckdb::shared_ptr<QueryInputs> inputs_;
  duckdb::unique_ptr<duckdb::PendingQueryResult> pending_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;
  duckdb::unique_ptr<duckdb::DataChunk> chunk_;
  duckdb::idx_t chunk_offset_ = 0;
  duckdb::idx_t chunk_bytes_ = 0;
  duckdb::vector<duckdb::LogicalType> types_;
  std::shared_ptr<arrow::Schema> schema_;
  bool done_ = false;
};

/// The result of a started session.
class ResultReader final : public arrow::RecordBatchReader {
 public:
  ResultReader(std::unique_ptr<QuerySession> session, std::shared_ptr<arrow::Schema> schema)
      : session_(std::move(session)), schema_(std::move(schema)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override;
  arrow::Status Close() override;

 private:
  std::unique_ptr<QuerySession> session_;
  std::shared_ptr<arrow::Schema> schema_;
  arrow::Status error_;
};

}  // namespace longbow::sql
