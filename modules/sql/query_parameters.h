/// \file
/// A query's parameters: from the payload's values to DuckDB's.
#pragma once

#include <duckdb.hpp>
#include <duckdb/planner/expression/bound_parameter_data.hpp>

#include <arrow/result.h>

#include <longbow/value.h>

namespace longbow::sql {

using ParameterValues = duckdb::case_insensitive_map_t<duckdb::BoundParameterData>;

/// `value` is a list (for `?` and `$1`) or an object (for `$name`); null stands for none.
/// Errors: BAD_ARGUMENT for two names that differ only in case, and for an empty object as a value.
arrow::Result<ParameterValues> MakeParameters(const Value* value);

}  // namespace longbow::sql
