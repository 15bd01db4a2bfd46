/// \file
/// What SQL may not do. Three walls, each of which would do alone:
/// the statement's type is checked before anything is bound; what reaches beyond the inputs
/// (functions that read files, settings or the catalog, and the views over them) is taken out of
/// every instance's catalog; and the bound plan may only hold operators and functions from a list.
#pragma once

#include <cstdint>
#include <string>

#include <duckdb.hpp>

#include <arrow/result.h>

namespace longbow::sql {

/// How deep a query's expressions and subqueries may be nested.
inline constexpr uint64_t kMaxExpressionDepth = 250;

/// Takes what SQL may not reach out of a new instance, and locks its settings. Throws DuckDB's
/// exceptions.
void Lockdown(duckdb::DuckDB& database);

/// Parses `query`, which must be exactly one statement that only reads.
/// Errors: BAD_ARGUMENT with the place for what is not SQL, for nothing, and for several
/// statements; PERMISSION_DENIED, naming the kind, for a statement that does anything but read.
arrow::Result<duckdb::unique_ptr<duckdb::SQLStatement>> ParseReadStatement(
    duckdb::ClientContext& context, const std::string& query);

/// Throws DuckDB's PermissionException if `plan` does anything but read inputs.
void CheckPlan(const duckdb::LogicalOperator& plan);

/// Whether DuckDB has a function (or a view, a table) of this name that `Lockdown` takes away.
bool IsForbiddenFunction(const std::string& name);

/// PERMISSION_DENIED for the use of one.
arrow::Status ForbiddenFunctionError(const std::string& name, const std::string& detail);

}  // namespace longbow::sql
