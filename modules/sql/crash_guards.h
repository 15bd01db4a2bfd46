/// \file
/// What would end the whole process. Some of DuckDB's functions recurse as deep as their data is
/// nested, and run out of stack; here they refuse such data instead.
#pragma once

#include <string>

#include <duckdb.hpp>
#include <duckdb/catalog/catalog_entry/duck_schema_entry.hpp>

#include <arrow/status.h>

namespace longbow::sql {

/// Refuses casts to VARIANT, which neither check how deep JSON is nested nor have a form in Arrow.
/// Before any extension is loaded, as the first cast that is registered stays. Throws DuckDB's
/// exceptions.
void GuardCasts(duckdb::DatabaseInstance& instance);

/// Puts checks before the functions that recurse: of patterns (LIKE, ILIKE, GLOB) and of JSON.
void GuardFunctions(duckdb::ClientContext& context, duckdb::DuckSchemaEntry& schema);

/// BAD_ARGUMENT for a query whose parsing or binding would recurse too deep: a name of hundreds of
/// parts. What else is nested, DuckDB counts itself.
arrow::Status CheckNames(const std::string& query);

}  // namespace longbow::sql
