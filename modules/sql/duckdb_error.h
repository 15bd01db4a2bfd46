/// \file
/// DuckDB's errors as Longbow's: code, a sentence, and where in the query.
#pragma once

#include <string>
#include <string_view>

#include <duckdb.hpp>

#include <arrow/status.h>

namespace longbow::sql {

/// When an error came: what is wrong with the query is found while it is planned, what is wrong
/// with the data while it runs.
enum class QueryPhase { kPlanning, kRunning };

/// What a query's error is told with.
struct QueryErrorContext {
  std::string_view query;
  QueryPhase phase = QueryPhase::kPlanning;
  /// The names of the command's inputs as people read them: `a, b`; empty if there are none.
  std::string input_names = {};
  /// For the sentences about limits.
  int64_t memory_limit = 0;
  int64_t spill_limit = 0;
};

/// `error` as a status. Codes: BAD_ARGUMENT for what is wrong with the query, PERMISSION_DENIED for
/// what SQL may not do here, RESOURCE_EXHAUSTED, COMMAND_CANCELLED, COMMAND_FAILED, INTERNAL_ERROR.
/// The detail holds `line L, position P` and the line with a caret, where DuckDB knows the place.
arrow::Status QueryError(const duckdb::ErrorData& error, const QueryErrorContext& context);

/// INTERNAL_ERROR: `what`, and DuckDB's own words without stack traces.
arrow::Status InternalError(const duckdb::ErrorData& error, const std::string& what);

/// Whether DuckDB must not be used any more after this error.
bool BreaksInstance(const duckdb::ErrorData& error);

/// `line 2, position 8` (both from 1; positions count characters), a line break, and that line of
/// `query` with a caret under the place. Long lines are cut around it.
std::string DescribePosition(std::string_view query, size_t offset);

/// A number of bytes for people: `2.0 GiB`.
std::string HumanBytes(int64_t bytes);

}  // namespace longbow::sql
