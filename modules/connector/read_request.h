/// \file
/// What a command wants of a source: its payload, as typed values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/service.h>
#include <longbow/value.h>

namespace longbow::connector {

enum class FilterOp {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kIsNull,
  kIsNotNull,
};

/// One condition on a column.
struct Filter {
  std::string column;
  FilterOp op = FilterOp::kEqual;
  /// As it was written; a list of `kIn`; null of `kIsNull` and `kIsNotNull`.
  Value value;
};

/// A row is wanted when all `filters` hold for it.
struct ReadRequest {
  /// Inside of the source; nothing: all of it.
  std::optional<std::string> path = {};
  /// The result's columns, in order; nothing: all.
  std::optional<std::vector<std::string>> columns = {};
  std::vector<Filter> filters = {};
  /// Rows at most; nothing: no limit.
  std::optional<int64_t> limit = {};
  /// Of the result's columns those that will be looked at; nothing: all.
  std::optional<std::vector<std::string>> used_columns = {};
};

/// The fields that `ParseReadRequest` understands, beside `source`.
std::vector<PayloadField> ReadRequestFields();

/// Reads a payload whose fields have the types of `ReadRequestFields`. Pure.
/// Errors: BAD_ARGUMENT, naming the field.
arrow::Result<ReadRequest> ParseReadRequest(const Value::Object& fields);

}  // namespace longbow::connector
