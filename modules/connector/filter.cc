#include "filter.h"

#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include <arrow/array/builder_base.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/compute/cast.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/value_parsing.h>

#include <longbow/error.h>

#include "column_names.h"

namespace longbow::connector {

namespace {

namespace cp = arrow::compute;

// Of dictionaries, what they hold is compared.
std::shared_ptr<arrow::DataType> ComparedType(const arrow::Field& column) {
  if (column.type()->id() != arrow::Type::DICTIONARY) return column.type();
  return static_cast<const arrow::DictionaryType&>(*column.type()).value_type();
}

arrow::Status DoesNotFit(const arrow::Field& column, const Value& value) {
  return MakeError(ErrorCode::kBadArgument, "the filter on the column '" + column.name() +
                                                "' has the value " + value.ToJson() +
                                                ", which is not of the column's type " +
                                                column.type()->ToString());
}

std::string ShortestText(double number) {
  char text[64];
  auto end = std::to_chars(text, text + sizeof(text), number).ptr;
  return std::string(text, end);
}

// The value as the text from which Arrow reads numbers; empty where it is no number.
std::string NumberText(const Value& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_int()) return std::to_string(value.as_int());
  if (!value.is_double() || !std::isfinite(value.as_double())) return {};
  const double number = value.as_double();
  // 5.0 is an integer, too.
  if (number == std::trunc(number) && std::abs(number) < 9e15) {
    return std::to_string(static_cast<int64_t>(number));
  }
  return ShortestText(number);
}

arrow::Result<std::shared_ptr<arrow::Scalar>> ParseTimestamp(
    const std::shared_ptr<arrow::DataType>& type, const std::string& text) {
  const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
  int64_t value = 0;
  bool has_zone = false;
  if (!arrow::internal::ParseTimestampISO8601(text.data(), text.size(), timestamp.unit(), &value,
                                              &has_zone) ||
      (has_zone && timestamp.timezone().empty())) {
    return arrow::Status::Invalid("no timestamp");
  }
  return std::make_shared<arrow::TimestampScalar>(value, type);
}

arrow::Result<std::shared_ptr<arrow::Scalar>> ParseScalar(
    const std::shared_ptr<arrow::DataType>& type, const Value& value) {
  const auto id = type->id();
  if (id == arrow::Type::BOOL) {
    if (value.is_bool()) return arrow::MakeScalar(value.as_bool());
    if (!value.is_string()) return arrow::Status::Invalid("no boolean");
    return arrow::Scalar::Parse(type, value.as_string());
  }
  if (arrow::is_integer(id) || arrow::is_floating(id)) {
    const std::string text = NumberText(value);
    if (text.empty()) return arrow::Status::Invalid("no number");
    return arrow::Scalar::Parse(type, text);
  }
  if (arrow::is_decimal(id)) {
    const std::string text = NumberText(value);
    if (text.empty()) return arrow::Status::Invalid("no number");
    ARROW_ASSIGN_OR_RAISE(auto cast, cp::Cast(arrow::Datum(text), type));
    return cast.scalar();
  }
  const bool as_text = arrow::is_base_binary_like(id) || arrow::is_date(id) || arrow::is_time(id);
  if (!as_text && id != arrow::Type::TIMESTAMP) return arrow::Status::NotImplemented("type");
  if (!value.is_string()) return arrow::Status::Invalid("no text");
  if (id == arrow::Type::TIMESTAMP) return ParseTimestamp(type, value.as_string());
  return arrow::Scalar::Parse(type, value.as_string());
}

arrow::Result<cp::Expression> IsIn(const arrow::Field& column, const Value::List& values) {
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(ComparedType(column)));
  for (const auto& value : values) {
    ARROW_ASSIGN_OR_RAISE(auto scalar, TypedValue(column, value));
    ARROW_RETURN_NOT_OK(builder->AppendScalar(*scalar));
  }
  ARROW_ASSIGN_OR_RAISE(auto set, builder->Finish());
  return cp::call("is_in", {cp::field_ref(column.name())}, cp::SetLookupOptions(set));
}

const char* FunctionName(FilterOp op) {
  switch (op) {
    case FilterOp::kEqual:
      return "equal";
    case FilterOp::kNotEqual:
      return "not_equal";
    case FilterOp::kLess:
      return "less";
    case FilterOp::kLessEqual:
      return "less_equal";
    case FilterOp::kGreater:
      return "greater";
    case FilterOp::kGreaterEqual:
      return "greater_equal";
    default:
      return "";
  }
}

arrow::Result<cp::Expression> MakeCondition(const Filter& filter, const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const int index, FindColumn(schema, filter.column, "a filter"));
  const auto& column = *schema.field(index);
  auto reference = cp::field_ref(column.name());
  switch (filter.op) {
    case FilterOp::kIsNull:
      return cp::is_null(std::move(reference));
    case FilterOp::kIsNotNull:
      return cp::is_valid(std::move(reference));
    case FilterOp::kIn:
      return IsIn(column, filter.value.as_list());
    default: {
      ARROW_ASSIGN_OR_RAISE(auto scalar, TypedValue(column, filter.value));
      return cp::call(FunctionName(filter.op),
                      {std::move(reference), cp::literal(std::move(scalar))});
    }
  }
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Scalar>> TypedValue(const arrow::Field& column,
                                                         const Value& value) {
  const auto type = ComparedType(column);
  auto scalar = ParseScalar(type, value);
  if (scalar.ok()) return scalar;
  if (scalar.status().IsNotImplemented()) {
    return MakeError(ErrorCode::kBadArgument,
                     "the column '" + column.name() + "' of type " + column.type()->ToString() +
                         " can be filtered with IS_NULL and IS_NOT_NULL only");
  }
  return DoesNotFit(column, value);
}

arrow::Result<cp::Expression> MakeFilterExpression(const std::vector<Filter>& filters,
                                                   const arrow::Schema& schema) {
  std::vector<cp::Expression> conditions;
  for (const auto& filter : filters) {
    ARROW_ASSIGN_OR_RAISE(auto condition, MakeCondition(filter, schema));
    conditions.push_back(std::move(condition));
  }
  return cp::and_(conditions);
}

}  // namespace longbow::connector
