#include "result_reader.h"

#include <algorithm>
#include <utility>

#include <duckdb/common/arrow/arrow_appender.hpp>
#include <duckdb/common/arrow/arrow_converter.hpp>
#include <duckdb/main/client_context.hpp>
#include <duckdb/main/pending_query_result.hpp>
#include <duckdb/main/prepared_statement.hpp>
#include <duckdb/planner/planner.hpp>

#include <arrow/c/bridge.h>

#include <longbow/error.h>

#include "chunk_bytes.h"
#include "duckdb_error.h"
#include "lockdown.h"

namespace longbow::sql {
namespace {

// DuckDB gives 2,048 rows at a time; a batch holds many of them, or a part, within these bounds.
constexpr duckdb::idx_t kBatchRows = 65536;
constexpr duckdb::idx_t kBatchBytes = 4 << 20;

}  // namespace

arrow::Result<std::unique_ptr<QuerySession>> QuerySession::Open(std::shared_ptr<QueryEngine> engine,
                                                                QueryRequest request) {
  ARROW_ASSIGN_OR_RAISE(auto inputs, QueryInputs::Make(request.inputs, request.task));
  ARROW_ASSIGN_OR_RAISE(EngineLease lease, engine->Acquire());
  std::unique_ptr<QuerySession> session(
      new QuerySession(std::move(lease), std::move(request), engine->options()));
  try {
    session->connection_ = std::make_unique<duckdb::Connection>(session->lease_.database());
  } catch (const std::exception& error) {
    session->lease_.Discard();
    return InternalError(duckdb::ErrorData(error), "DuckDB gives no connection");
  }
  duckdb::ClientContext& context = *session->connection_->context;
  QueryInputs::Attach(context, inputs);
  session->inputs_ = std::move(inputs);
  // DuckDB's threads look at this flag between chunks. The session removes the callback before the
  // context goes.
  session->request_.task.SetCancelCallback([&context] { context.Interrupt(); });
  return session;
}

QuerySession::QuerySession(EngineLease lease, QueryRequest request, const EngineOptions& options)
    : request_(std::move(request)),
      memory_limit_(options.query_memory_limit),
      spill_limit_(options.query_spill_limit),
      lease_(std::move(lease)) {}

QuerySession::~QuerySession() {
  request_.task.SetCancelCallback({});
  if (connection_ == nullptr) return;
  if (!done_) connection_->context->Interrupt();
  try {
    chunk_.reset();
    result_.reset();
    pending_.reset();
    connection_.reset();
    inputs_.reset();
  } catch (const std::exception&) {
    // An instance that cannot end a query cleanly is not used again.
    lease_.Discard();
  }
}

arrow::Status QuerySession::Start() {
  duckdb::ClientContext& context = *connection_->context;
  ARROW_ASSIGN_OR_RAISE(auto statement, ParseReadStatement(context, request_.query));
  try {
    pending_ = context.PendingQuery(std::move(statement), request_.parameters,
                                    duckdb::QueryParameters(true));
  } catch (const std::exception& error) {
    return Translate(duckdb::ErrorData(error), /*running=*/false);
  }
  // A cancellation before this point may have been forgotten: planning begins by resetting the
  // flag.
  if (request_.task.cancelled()) return request_.task.CancelledError();
  if (pending_->HasError()) return Translate(pending_->GetErrorObject(), /*running=*/false);
  return MakeSchema(pending_->types, pending_->names);
}

arrow::Result<std::shared_ptr<arrow::Schema>> QuerySession::Schema() {
  if (schema_ == nullptr) ARROW_RETURN_NOT_OK(BindOnly());
  return schema_;
}

arrow::Status QuerySession::BindOnly() {
  duckdb::ClientContext& context = *connection_->context;
  ARROW_ASSIGN_OR_RAISE(auto statement, ParseReadStatement(context, request_.query));
  arrow::Status made;
  try {
    duckdb::PreparedStatement::VerifyParameters(request_.parameters, statement->named_param_map);
    context.RunFunctionInTransaction([&] {
      duckdb::Planner planner(context);
      for (const auto& [name, value] : request_.parameters) {
        planner.parameter_data.emplace(name, value);
      }
      planner.CreatePlan(std::move(statement));
      made = MakeSchema(planner.types, planner.names);
    });
  } catch (const std::exception& error) {
    return Translate(duckdb::ErrorData(error), /*running=*/false);
  }
  return made;
}

arrow::Status QuerySession::MakeSchema(const duckdb::vector<duckdb::LogicalType>& types,
                                       const duckdb::vector<duckdb::string>& names) {
  try {
    auto properties = connection_->context->GetClientProperties();
    ArrowSchema c_schema;
    duckdb::ArrowConverter::ToArrowSchema(&c_schema, types, names, properties);
    ARROW_ASSIGN_OR_RAISE(schema_, arrow::ImportSchema(&c_schema));
  } catch (const std::exception& error) {
    return Translate(duckdb::ErrorData(error), /*running=*/false);
  }
  types_ = types;
  return arrow::Status::OK();
}

duckdb::unique_ptr<duckdb::DataChunk> QuerySession::Fetch() {
  if (result_ == nullptr) {
    result_ = pending_->Execute();
    pending_.reset();
    if (result_->HasError()) result_->ThrowError();
  }
  auto chunk = result_->FetchRaw();
  if (result_->HasError()) result_->ThrowError();
  if (chunk != nullptr && chunk->size() == 0) chunk.reset();
  return chunk;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> QuerySession::Next() {
  if (request_.task.cancelled()) return request_.task.CancelledError();
  if (done_) return nullptr;
  try {
    std::unique_ptr<duckdb::ArrowAppender> appender;
    duckdb::idx_t rows = 0;
    duckdb::idx_t bytes = 0;
    while (rows < kBatchRows && bytes < kBatchBytes) {
      if (chunk_ == nullptr) {
        chunk_ = Fetch();
        chunk_offset_ = 0;
        if (chunk_ == nullptr) {
          done_ = true;
          break;
        }
        chunk_bytes_ = std::max<duckdb::idx_t>(1, ChunkBytes(*chunk_));
      }
      const duckdb::idx_t size = chunk_->size();
      const duckdb::idx_t step =
          std::clamp<duckdb::idx_t>(size * kBatchBytes / chunk_bytes_, 1, size);
      const duckdb::idx_t end = std::min(size, chunk_offset_ + step);
      if (appender == nullptr) {
        // A full first chunk promises more; a part of one is all there is.
        const duckdb::idx_t capacity = size < STANDARD_VECTOR_SIZE ? size : 8 * size;
        appender = std::make_unique<duckdb::ArrowAppender>(
            types_, capacity, connection_->context->GetClientProperties(),
            duckdb::ArrowTypeExtensionData::GetExtensionTypes(*connection_->context, types_));
      }
      appender->Append(*chunk_, chunk_offset_, end, size);
      rows += end - chunk_offset_;
      bytes += chunk_bytes_ * (end - chunk_offset_) / size;
      chunk_offset_ = end;
      if (chunk_offset_ == size) chunk_.reset();
    }
    if (rows == 0) return nullptr;
    return Import(*appender);
  } catch (const std::exception& error) {
    done_ = true;
    return Translate(duckdb::ErrorData(error), /*running=*/true);
  }
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> QuerySession::Import(
    duckdb::ArrowAppender& appender) {
  ArrowArray array = appender.Finalize();
  return arrow::ImportRecordBatch(&array, schema_);
}

arrow::Status QuerySession::Translate(const duckdb::ErrorData& error, bool running) {
  if (BreaksInstance(error)) lease_.Discard();
  if (request_.task.cancelled()) return request_.task.CancelledError();
  ARROW_RETURN_NOT_OK(inputs_->error());
  return QueryError(error, {.query = request_.query,
                            .phase = running ? QueryPhase::kRunning : QueryPhase::kPlanning,
                            .input_names = inputs_->names(),
                            .memory_limit = memory_limit_,
                            .spill_limit = spill_limit_});
}

arrow::Status ResultReader::ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) {
  batch->reset();
  ARROW_RETURN_NOT_OK(error_);
  if (session_ == nullptr) return arrow::Status::OK();
  auto next = session_->Next();
  if (!next.ok()) {
    error_ = next.status();
    session_.reset();
    return error_;
  }
  *batch = std::move(next).ValueUnsafe();
  // At the end the instance is free for the next query, however long this reader is kept.
  if (*batch == nullptr) session_.reset();
  return arrow::Status::OK();
}

arrow::Status ResultReader::Close() {
  session_.reset();
  return arrow::Status::OK();
}

}  // namespace longbow::sql
