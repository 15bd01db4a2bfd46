#include "crash_guards.h"

#include <algorithm>
#include <string_view>

#include <duckdb/catalog/catalog_entry/duck_schema_entry.hpp>
#include <duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp>
#include <duckdb/function/cast/cast_function_set.hpp>
#include <duckdb/main/config.hpp>
#include <duckdb/parser/parser.hpp>

#include <longbow/error.h>

namespace longbow::sql {
namespace {

constexpr int64_t kMaxWildcards = 1000;
constexpr int64_t kMaxJsonDepth = 1000;
constexpr int64_t kMaxNameParts = 100;

using TextCheck = void (*)(std::string_view text);

void CheckPattern(std::string_view pattern, char wildcard) {
  if (std::count(pattern.begin(), pattern.end(), wildcard) > kMaxWildcards) {
    throw duckdb::InvalidInputException("A pattern has more than %d times '%s'", kMaxWildcards,
                                        std::string(1, wildcard));
  }
}
void CheckLikePattern(std::string_view pattern) { CheckPattern(pattern, '%'); }
void CheckGlobPattern(std::string_view pattern) { CheckPattern(pattern, '*'); }

void CheckJsonDepth(std::string_view json) {
  int64_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) {
        throw duckdb::InvalidInputException("JSON is nested more than %d levels deep",
                                            kMaxJsonDepth);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

void CheckColumn(duckdb::Vector& column, duckdb::idx_t rows, TextCheck check) {
  if (column.GetType().InternalType() != duckdb::PhysicalType::VARCHAR) return;
  // Most patterns are one for all rows.
  if (column.GetVectorType() == duckdb::VectorType::CONSTANT_VECTOR)
    rows = std::min<duckdb::idx_t>(rows, 1);
  duckdb::UnifiedVectorFormat format;
  column.ToUnifiedFormat(rows, format);
  const auto* texts = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format);
  for (duckdb::idx_t row = 0; row < rows; ++row) {
    const duckdb::idx_t index = format.sel->get_index(row);
    if (!format.validity.RowIsValid(index)) continue;
    check(std::string_view(texts[index].GetData(), texts[index].GetSize()));
  }
}

struct GuardedFunction {
  std::string_view name;
  TextCheck check;
  /// The first argument that is checked, with all after it.
  size_t first_argument;
};

constexpr GuardedFunction kGuarded[] = {
    {"~~", CheckLikePattern, 1},           {"!~~", CheckLikePattern, 1},
    {"~~*", CheckLikePattern, 1},          {"!~~*", CheckLikePattern, 1},
    {"like_escape", CheckLikePattern, 1},  {"not_like_escape", CheckLikePattern, 1},
    {"ilike_escape", CheckLikePattern, 1}, {"not_ilike_escape", CheckLikePattern, 1},
    {"~~~", CheckGlobPattern, 1},          {"json_contains", CheckJsonDepth, 0},
    {"json_structure", CheckJsonDepth, 0},
};

void Guard(duckdb::ScalarFunction& function, const GuardedFunction& guarded) {
  auto unguarded = function.GetFunctionCallback();
  // It would put a faster function, without the check, in this one's place.
  function.SetStatisticsCallback(nullptr);
  function.SetFunctionCallback([unguarded, guarded](duckdb::DataChunk& arguments,
                                                    duckdb::ExpressionState& state,
                                                    duckdb::Vector& result) {
    for (size_t i = guarded.first_argument; i < arguments.ColumnCount(); ++i) {
      CheckColumn(arguments.data[i], arguments.size(), guarded.check);
    }
    unguarded(arguments, state, result);
  });
}

duckdb::BoundCastInfo RefuseVariant(duckdb::BindCastInput& input, const duckdb::LogicalType& source,
                                    const duckdb::LogicalType& target) {
  throw duckdb::NotImplementedException("The type VARIANT is not supported; use JSON");
}

}  // namespace

void GuardCasts(duckdb::DatabaseInstance& instance) {
  using duckdb::LogicalType;
  auto& casts = duckdb::DBConfig::GetConfig(instance).GetCastFunctions();
  const LogicalType sources[] = {LogicalType::JSON(),
                                 LogicalType::ANY,
                                 LogicalType::LIST(LogicalType::ANY),
                                 LogicalType::STRUCT({{"any", LogicalType::ANY}}),
                                 LogicalType::MAP(LogicalType::ANY, LogicalType::ANY),
                                 LogicalType::UNION({{"any", LogicalType::ANY}}),
                                 LogicalType::ARRAY(LogicalType::ANY, duckdb::optional_idx())};
  for (const LogicalType& source : sources) {
    // The cost says that no function takes it without being asked to.
    casts.RegisterCastFunction(source, LogicalType::VARIANT(), RefuseVariant, -1);
  }
}

void GuardFunctions(duckdb::ClientContext& context, duckdb::DuckSchemaEntry& schema) {
  auto& set = schema.GetCatalogSet(duckdb::CatalogType::SCALAR_FUNCTION_ENTRY);
  for (const GuardedFunction& guarded : kGuarded) {
    auto entry = set.GetEntry(context, std::string(guarded.name));
    if (!entry || entry->type != duckdb::CatalogType::SCALAR_FUNCTION_ENTRY) continue;
    for (auto& function : entry->Cast<duckdb::ScalarFunctionCatalogEntry>().functions.functions) {
      Guard(function, guarded);
    }
  }
}

arrow::Status CheckNames(const std::string& query) {
  if (std::count(query.begin(), query.end(), '.') <= kMaxNameParts) return arrow::Status::OK();
  int64_t parts = 0;
  bool after_dot = false;
  for (const auto& token : duckdb::Parser::Tokenize(query)) {
    const bool is_dot = token.type == duckdb::SimplifiedTokenType::SIMPLIFIED_TOKEN_OPERATOR &&
                        query[token.start] == '.';
    if (is_dot) {
      if (++parts > kMaxNameParts) {
        return MakeError(ErrorCode::kBadArgument, "A name in the query has more than " +
                                                      std::to_string(kMaxNameParts) + " parts");
      }
    } else if (!after_dot && token.type != duckdb::SimplifiedTokenType::SIMPLIFIED_TOKEN_COMMENT) {
      parts = 0;
    }
    after_dot = is_dot;
  }
  return arrow::Status::OK();
}

}  // namespace longbow::sql
