#include "sql_service.h"

#include <string>
#include <utility>

#include <longbow/error.h>

#include "query_engine.h"
#include "query_parameters.h"
#include "result_reader.h"

namespace longbow::sql {
namespace {

ServiceDescription Describe() {
  ServiceDescription result;
  result.name = "sql";
  result.version = "1.0";
  result.summary = "Runs one SQL query (DuckDB's dialect) over the inputs, which are its tables.";
  result.fields = {
      {.name = "query",
       .type = PayloadField::Type::kString,
       .required = true,
       .summary = "One statement that reads: SELECT, WITH, VALUES, FROM, DESCRIBE, EXPLAIN."},
      {.name = "parameters",
       .type = PayloadField::Type::kListOrObject,
       .required = false,
       .summary = "Values for the query's `?` and `$1` (a list) or `$name` (an object)."}};
  return result;
}

arrow::Result<std::unique_ptr<QuerySession>> OpenSession(std::shared_ptr<QueryEngine> engine,
                                                         const ExecuteRequest& request) {
  const auto query = request.fields.find("query");
  if (query == request.fields.end() || !query->second.is_string()) {
    return MakeError(ErrorCode::kBadArgument, "The payload lacks the text 'query'");
  }
  const auto length = static_cast<int64_t>(query->second.as_string().size());
  if (length > engine->options().max_query_bytes) {
    return MakeError(ErrorCode::kBadArgument,
                     "The query's text has " + std::to_string(length) + " bytes; at most " +
                         std::to_string(engine->options().max_query_bytes) + " are taken",
                     "The limit is the setting max_query_bytes of [sql]. Long lists of values are "
                     "better given as an input.");
  }
  const auto parameters = request.fields.find("parameters");
  ARROW_ASSIGN_OR_RAISE(
      auto values,
      MakeParameters(parameters == request.fields.end() ? nullptr : &parameters->second));
  return QuerySession::Open(std::move(engine), {.query = query->second.as_string(),
                                                .parameters = std::move(values),
                                                .inputs = request.inputs,
                                                .task = request.task});
}

}  // namespace

SqlService::SqlService(std::shared_ptr<QueryEngine> engine)
    : description_(Describe()), engine_(std::move(engine)) {}

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> SqlService::Execute(
    const ExecuteRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto session, OpenSession(engine_, request));
  ARROW_RETURN_NOT_OK(session->Start());
  ARROW_ASSIGN_OR_RAISE(auto schema, session->Schema());
  return std::make_unique<ResultReader>(std::move(session), std::move(schema));
}

arrow::Result<std::shared_ptr<arrow::Schema>> SqlService::GetSchema(const ExecuteRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto session, OpenSession(engine_, request));
  return session->Schema();
}

}  // namespace longbow::sql
