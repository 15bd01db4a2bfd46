#include "lockdown.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <duckdb/catalog/catalog_entry/duck_schema_entry.hpp>
#include <duckdb/catalog/default/default_generator.hpp>
#include <duckdb/common/string_util.hpp>
#include <duckdb/main/connection.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/statement/explain_statement.hpp>
#include <duckdb/planner/operator/logical_get.hpp>

#include <longbow/error.h>

#include "crash_guards.h"
#include "duckdb_error.h"
#include "input_scan.h"

namespace longbow::sql {
namespace {

using duckdb::CatalogType;
using duckdb::LogicalOperatorType;
using duckdb::StatementType;

// The table functions that stay: those that make rows of their arguments alone. Any other, of this
// version of DuckDB or a later one, is taken out.
constexpr std::array<std::string_view, 10> kAllowedTableFunctions = {
    kInputScanName, "generate_series", "icu_calendar_names",
    "json_each",    "json_tree",       "pg_timezone_names",
    "range",        "repeat",          "repeat_row",
    "unnest"};

// The other functions that go: they read settings, write logs, run or plan SQL given as a text
// (past `CheckPlan`), tell about the instance's earlier queries, parse types at run time, or hold a
// thread for nothing.
constexpr std::array<std::string_view, 14> kForbiddenScalars = {"current_connection_id",
                                                                "current_query_id",
                                                                "current_setting",
                                                                "current_transaction_id",
                                                                "currval",
                                                                "json_deserialize_sql",
                                                                "json_execute_serialized_sql",
                                                                "json_serialize_plan",
                                                                "json_serialize_sql",
                                                                "make_type",
                                                                "nextval",
                                                                "sleep_ms",
                                                                "txid_current",
                                                                "write_log"};

// Names that DuckDB knows, for telling "not allowed" from "no such function" or "no such input".
constexpr std::array<std::string_view, 13> kForbiddenPrefixes = {
    "arrow_scan", "duckdb_", "parquet_", "pragma_",  "query_table", "read_",   "seq_scan",
    "sniff_",     "sqlite_", "st_read",  "sql_auto", "delta_scan",  "iceberg_"};
constexpr std::array<std::string_view, 16> kForbiddenNames = {"checkpoint",
                                                              "enable_logging",
                                                              "enable_profiling",
                                                              "force_checkpoint",
                                                              "getenv",
                                                              "glob",
                                                              "pg_class",
                                                              "pg_settings",
                                                              "pg_tables",
                                                              "postgres_scan",
                                                              "query",
                                                              "summary",
                                                              "test_all_types",
                                                              "test_vector_types",
                                                              "truncate_duckdb_logs",
                                                              "which_secret"};

template <size_t N>
bool Contains(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

void DropFunctions(duckdb::ClientContext& context, duckdb::DuckSchemaEntry& schema,
                   CatalogType type, const std::function<bool(const std::string&)>& forbidden) {
  auto& set = schema.GetCatalogSet(type);
  std::vector<std::string> names;
  set.Scan(context, [&](duckdb::CatalogEntry& entry) {
    if (forbidden(duckdb::StringUtil::Lower(entry.name))) names.push_back(entry.name);
  });
  for (const std::string& name : names) {
    set.DropEntry(context, name, /*cascade=*/false, /*allow_drop_internal=*/true);
  }
}

void StripSchema(duckdb::ClientContext& context, duckdb::DuckSchemaEntry& schema) {
  // The views over settings and the catalog are made on their first use; this keeps them from that,
  // so that their names are free for inputs.
  schema.GetCatalogSet(CatalogType::TABLE_ENTRY).SetDefaultGenerator(nullptr);
  DropFunctions(context, schema, CatalogType::TABLE_FUNCTION_ENTRY,
                [](const std::string& name) { return !Contains(kAllowedTableFunctions, name); });
  DropFunctions(context, schema, CatalogType::SCALAR_FUNCTION_ENTRY,
                [](const std::string& name) { return Contains(kForbiddenScalars, name); });
  GuardFunctions(context, schema);
  for (auto type : {CatalogType::COPY_FUNCTION_ENTRY, CatalogType::PRAGMA_FUNCTION_ENTRY}) {
    DropFunctions(context, schema, type, [](const std::string&) { return true; });
  }
}

// What the plan of a query that only reads is made of.
bool IsReadingOperator(LogicalOperatorType type) {
  switch (type) {
    case LogicalOperatorType::LOGICAL_PROJECTION:
    case LogicalOperatorType::LOGICAL_FILTER:
    case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY:
    case LogicalOperatorType::LOGICAL_WINDOW:
    case LogicalOperatorType::LOGICAL_UNNEST:
    case LogicalOperatorType::LOGICAL_LIMIT:
    case LogicalOperatorType::LOGICAL_ORDER_BY:
    case LogicalOperatorType::LOGICAL_TOP_N:
    case LogicalOperatorType::LOGICAL_DISTINCT:
    case LogicalOperatorType::LOGICAL_SAMPLE:
    case LogicalOperatorType::LOGICAL_PIVOT:
    case LogicalOperatorType::LOGICAL_GET:
    case LogicalOperatorType::LOGICAL_CHUNK_GET:
    case LogicalOperatorType::LOGICAL_DELIM_GET:
    case LogicalOperatorType::LOGICAL_EXPRESSION_GET:
    case LogicalOperatorType::LOGICAL_DUMMY_SCAN:
    case LogicalOperatorType::LOGICAL_EMPTY_RESULT:
    case LogicalOperatorType::LOGICAL_CTE_REF:
    case LogicalOperatorType::LOGICAL_JOIN:
    case LogicalOperatorType::LOGICAL_DELIM_JOIN:
    case LogicalOperatorType::LOGICAL_COMPARISON_JOIN:
    case LogicalOperatorType::LOGICAL_ANY_JOIN:
    case LogicalOperatorType::LOGICAL_CROSS_PRODUCT:
    case LogicalOperatorType::LOGICAL_POSITIONAL_JOIN:
    case LogicalOperatorType::LOGICAL_ASOF_JOIN:
    case LogicalOperatorType::LOGICAL_DEPENDENT_JOIN:
    case LogicalOperatorType::LOGICAL_UNION:
    case LogicalOperatorType::LOGICAL_EXCEPT:
    case LogicalOperatorType::LOGICAL_INTERSECT:
    case LogicalOperatorType::LOGICAL_RECURSIVE_CTE:
    case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
    case LogicalOperatorType::LOGICAL_EXPLAIN:
      return true;
    default:
      return false;
  }
}

arrow::Status CheckStatement(const duckdb::SQLStatement& statement) {
  const duckdb::SQLStatement* checked = &statement;
  if (checked->type == StatementType::EXPLAIN_STATEMENT) {
    checked = checked->Cast<duckdb::ExplainStatement>().stmt.get();
  }
  if (checked->type == StatementType::SELECT_STATEMENT) return arrow::Status::OK();
  if (checked->type == StatementType::MULTI_STATEMENT) {
    return MakeError(ErrorCode::kBadArgument,
                     "A PIVOT needs its values in the query: PIVOT ... ON column IN (value, ...)");
  }
  std::string kind = duckdb::StatementTypeToString(checked->type);
  if (checked->type == StatementType::MERGE_INTO_STATEMENT) kind = "MERGE";
  return MakeError(
      ErrorCode::kPermissionDenied,
      "A statement of the kind " + kind +
          " is not allowed: SQL reads the inputs of its command and nothing else",
      "Allowed are SELECT, WITH, VALUES, FROM, PIVOT, DESCRIBE, SUMMARIZE and EXPLAIN.");
}

}  // namespace

void Lockdown(duckdb::DuckDB& database) {
  duckdb::Connection connection(database);
  duckdb::ClientContext& context = *connection.context;
  context.RunFunctionInTransaction([&] {
    auto& catalog = duckdb::Catalog::GetSystemCatalog(context);
    for (const auto& schema : catalog.GetSchemas(context)) {
      StripSchema(context, schema.get().Cast<duckdb::DuckSchemaEntry>());
    }
  });
  auto& config = duckdb::DBConfig::GetConfig(*database.instance);
  // A column of the type TIMESTAMP WITH TIME ZONE is the same wherever the server runs.
  auto zone = connection.Query("SET GLOBAL TimeZone = 'UTC'");
  if (zone->HasError()) zone->ThrowError();
  config.SetOptionByName("lock_configuration", duckdb::Value::BOOLEAN(true));
}

arrow::Result<duckdb::unique_ptr<duckdb::SQLStatement>> ParseReadStatement(
    duckdb::ClientContext& context, const std::string& query) {
  duckdb::Parser parser(context.GetParserOptions());
  try {
    ARROW_RETURN_NOT_OK(CheckNames(query));
    parser.ParseQuery(query);
  } catch (const std::exception& error) {
    return QueryError(duckdb::ErrorData(error), {.query = query});
  }
  if (parser.statements.empty()) {
    return MakeError(ErrorCode::kBadArgument, "The query is empty");
  }
  for (const auto& statement : parser.statements) ARROW_RETURN_NOT_OK(CheckStatement(*statement));
  if (parser.statements.size() > 1) {
    return MakeError(ErrorCode::kBadArgument, "The query holds " +
                                                  std::to_string(parser.statements.size()) +
                                                  " statements; a command runs exactly one");
  }
  return std::move(parser.statements.front());
}

void CheckPlan(const duckdb::LogicalOperator& plan) {
  std::vector<const duckdb::LogicalOperator*> left{&plan};
  while (!left.empty()) {
    const duckdb::LogicalOperator& node = *left.back();
    left.pop_back();
    if (!IsReadingOperator(node.type)) {
      throw duckdb::PermissionException("The operation %s is not allowed in SQL here",
                                        duckdb::LogicalOperatorToString(node.type));
    }
    if (node.type == LogicalOperatorType::LOGICAL_GET) {
      const auto& get = node.Cast<duckdb::LogicalGet>();
      if (!Contains(kAllowedTableFunctions, std::string_view(get.function.name))) {
        throw duckdb::PermissionException("The table function %s is not allowed in SQL here",
                                          get.function.name);
      }
    }
    for (const auto& child : node.children) left.push_back(child.get());
  }
}

bool IsForbiddenFunction(const std::string& name) {
  const std::string lower = duckdb::StringUtil::Lower(name);
  if (Contains(kForbiddenScalars, lower) || Contains(kForbiddenNames, lower)) return true;
  return std::any_of(kForbiddenPrefixes.begin(), kForbiddenPrefixes.end(),
                     [&](std::string_view prefix) { return lower.starts_with(prefix); });
}

arrow::Status ForbiddenFunctionError(const std::string& name, const std::string& detail) {
  return MakeError(ErrorCode::kPermissionDenied,
                   "'" + name +
                       "' is not allowed: SQL reads the inputs of its command, and no files, "
                       "settings or system tables",
                   detail);
}

}  // namespace longbow::sql
