#include "read_request.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <longbow/error.h>

namespace longbow::connector {

namespace {

// Far more than any query needs; conditions are worked on recursively.
constexpr size_t kMostFilters = 100;
constexpr size_t kMostValues = 10'000;

const std::map<std::string_view, FilterOp>& FilterOps() {
  static const std::map<std::string_view, FilterOp> ops = {
      {"=", FilterOp::kEqual},
      {"!=", FilterOp::kNotEqual},
      {"<", FilterOp::kLess},
      {"<=", FilterOp::kLessEqual},
      {">", FilterOp::kGreater},
      {">=", FilterOp::kGreaterEqual},
      {"IN", FilterOp::kIn},
      {"IS_NULL", FilterOp::kIsNull},
      {"IS_NOT_NULL", FilterOp::kIsNotNull},
  };
  return ops;
}

arrow::Status BadField(const std::string& field, const std::string& problem) {
  return MakeError(ErrorCode::kBadArgument, "the payload's field `" + field + "` " + problem);
}

arrow::Result<std::vector<std::string>> ParseColumns(const Value& value) {
  std::vector<std::string> columns;
  std::set<std::string> seen;
  for (const auto& item : value.as_list()) {
    if (!item.is_string()) {
      return BadField("columns", "must be a list of column names, and holds " + item.ToJson());
    }
    if (!seen.insert(item.as_string()).second) {
      return BadField("columns", "names the column '" + item.as_string() + "' twice");
    }
    columns.push_back(item.as_string());
  }
  return columns;
}

arrow::Status CheckFilterValue(const std::string& name, const Filter& filter, bool has_value) {
  switch (filter.op) {
    case FilterOp::kIsNull:
    case FilterOp::kIsNotNull:
      if (has_value) return BadField(name, "has a `value`, which its `op` does not take");
      return arrow::Status::OK();
    case FilterOp::kIn:
      if (!filter.value.is_list()) {
        return BadField(name, "must have a list as its `value`, because its `op` is IN");
      }
      if (filter.value.as_list().size() > kMostValues) {
        return BadField(name, "has more than " + std::to_string(kMostValues) + " values");
      }
      return arrow::Status::OK();
    default:
      if (!has_value) return BadField(name, "has no `value`");
      if (filter.value.is_null()) {
        return BadField(name, "compares with null, which no row fits: use IS_NULL or IS_NOT_NULL");
      }
      return arrow::Status::OK();
  }
}

arrow::Result<Filter> ParseFilter(const Value& value, size_t index) {
  const std::string name = "filters[" + std::to_string(index) + "]";
  if (!value.is_object()) {
    return BadField(name, "must be an object with `column`, `op` and `value`");
  }
  for (const auto& [key, ignored] : value.as_object()) {
    if (key != "column" && key != "op" && key != "value") {
      return BadField(
          name, "has an unknown field `" + key + "`: a filter has `column`, `op` and `value`");
    }
  }
  const Value* column = value.Find("column");
  if (column == nullptr || !column->is_string()) {
    return BadField(name, "must have a `column`, the column's name");
  }
  const Value* op = value.Find("op");
  auto known =
      op == nullptr || !op->is_string() ? FilterOps().end() : FilterOps().find(op->as_string());
  if (known == FilterOps().end()) {
    return BadField(name, "must have an `op` of = != < <= > >= IN IS_NULL IS_NOT_NULL");
  }
  Filter filter{column->as_string(), known->second, {}};
  const Value* operand = value.Find("value");
  if (operand != nullptr) filter.value = *operand;
  ARROW_RETURN_NOT_OK(CheckFilterValue(name, filter, operand != nullptr));
  return filter;
}

}  // namespace

std::vector<PayloadField> ReadRequestFields() {
  using Type = PayloadField::Type;
  return {
      {"path", Type::kString, false, "A file or folder inside of the source; absent: all of it."},
      {"columns", Type::kList, false, "The columns wanted, in order; absent: all."},
      {"filters", Type::kList, false,
       "Conditions that all must hold: {\"column\", \"op\", \"value\"}, with op one of = != < <= > "
       ">= IN IS_NULL IS_NOT_NULL."},
      {"limit", Type::kInt, false, "The most rows wanted; absent: all."},
  };
}

arrow::Result<ReadRequest> ParseReadRequest(const Value::Object& fields) {
  ReadRequest request;
  if (auto it = fields.find("path"); it != fields.end()) request.path = it->second.as_string();
  if (auto it = fields.find("columns"); it != fields.end()) {
    ARROW_ASSIGN_OR_RAISE(request.columns, ParseColumns(it->second));
  }
  if (auto it = fields.find("filters"); it != fields.end()) {
    const auto& filters = it->second.as_list();
    if (filters.size() > kMostFilters) {
      return BadField("filters", "has more than " + std::to_string(kMostFilters) + " members");
    }
    for (const auto& filter : filters) {
      ARROW_ASSIGN_OR_RAISE(auto parsed, ParseFilter(filter, request.filters.size()));
      request.filters.push_back(std::move(parsed));
    }
  }
  if (auto it = fields.find("limit"); it != fields.end()) {
    request.limit = it->second.as_int();
    if (*request.limit < 0) return BadField("limit", "must not be negative");
  }
  return request;
}

}  // namespace longbow::connector
