#include "query_parameters.h"

#include <string>
#include <utility>

#include <longbow/error.h>

namespace longbow::sql {
namespace {

arrow::Result<duckdb::Value> ToDuckDB(const Value& value);

arrow::Result<duckdb::Value> ListToDuckDB(const Value::List& list) {
  duckdb::vector<duckdb::Value> values;
  duckdb::LogicalType type = duckdb::LogicalType::SQLNULL;
  for (const Value& element : list) {
    ARROW_ASSIGN_OR_RAISE(auto converted, ToDuckDB(element));
    type = duckdb::LogicalType::ForceMaxLogicalType(type, converted.type());
    values.push_back(std::move(converted));
  }
  return duckdb::Value::LIST(type, std::move(values));
}

arrow::Result<duckdb::Value> ObjectToDuckDB(const Value::Object& object) {
  if (object.empty()) {
    return MakeError(ErrorCode::kBadArgument, "A parameter of the query is an empty object");
  }
  duckdb::child_list_t<duckdb::Value> children;
  for (const auto& [name, element] : object) {
    ARROW_ASSIGN_OR_RAISE(auto converted, ToDuckDB(element));
    children.emplace_back(name, std::move(converted));
  }
  return duckdb::Value::STRUCT(std::move(children));
}

arrow::Result<duckdb::Value> ToDuckDB(const Value& value) {
  switch (value.type()) {
    case Value::Type::kNull:
      return duckdb::Value();
    case Value::Type::kBool:
      return duckdb::Value::BOOLEAN(value.as_bool());
    case Value::Type::kInt:
      return duckdb::Value::BIGINT(value.as_int());
    case Value::Type::kDouble:
      return duckdb::Value::DOUBLE(value.as_double());
    case Value::Type::kString:
      return duckdb::Value(value.as_string());
    case Value::Type::kList:
      return ListToDuckDB(value.as_list());
    case Value::Type::kObject:
      return ObjectToDuckDB(value.as_object());
  }
  return duckdb::Value();
}

arrow::Status Add(std::string name, const Value& value, ParameterValues* result) {
  duckdb::Value converted;
  try {
    ARROW_ASSIGN_OR_RAISE(converted, ToDuckDB(value));
  } catch (const std::exception& error) {
    // Text that is not UTF-8, lists of what has no common type.
    return MakeError(ErrorCode::kBadArgument,
                     "The parameter '" + name + "' of the query is no value",
                     duckdb::ErrorData(error).RawMessage());
  }
  const bool is_new =
      result->emplace(name, duckdb::BoundParameterData(std::move(converted))).second;
  if (is_new) return arrow::Status::OK();
  return MakeError(ErrorCode::kBadArgument,
                   "The query's parameter '" + name + "' is given twice, in different case");
}

}  // namespace

arrow::Result<ParameterValues> MakeParameters(const Value* value) {
  ParameterValues result;
  if (value == nullptr || value->is_null()) return result;
  if (value->is_list()) {
    size_t number = 0;
    for (const Value& element : value->as_list()) {
      ARROW_RETURN_NOT_OK(Add(std::to_string(++number), element, &result));
    }
    return result;
  }
  if (!value->is_object()) {
    return MakeError(ErrorCode::kBadArgument,
                     "'parameters' is neither a list nor an object of values");
  }
  for (const auto& [name, element] : value->as_object()) {
    ARROW_RETURN_NOT_OK(Add(name, element, &result));
  }
  return result;
}

}  // namespace longbow::sql
