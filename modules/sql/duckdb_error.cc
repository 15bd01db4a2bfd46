#include "duckdb_error.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <optional>

#include <longbow/error.h>
#include <longbow/value.h>

#include "lockdown.h"

namespace longbow::sql {
namespace {

constexpr size_t kExcerptChars = 60;

// DuckDB's error, whichever way it came: as an exception with extra fields, or as JSON.
struct ParsedError {
  duckdb::ExceptionType type = duckdb::ExceptionType::INVALID;
  std::string message;
  std::string subtype;
  std::string entry_type;
  std::string entry_name;
  std::optional<size_t> position;
};

std::optional<size_t> ParsePosition(const std::string& text) {
  size_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void SetField(const std::string& key, const std::string& value, ParsedError* parsed) {
  if (key == "error_subtype") parsed->subtype = value;
  if (key == "type") parsed->entry_type = value;
  if (key == "name") parsed->entry_name = value;
  if (key == "position") parsed->position = ParsePosition(value);
}

// Stack traces show addresses and say nothing to a caller.
std::string WithoutTrace(std::string text) {
  const size_t trace = text.find("\n\nStack Trace");
  if (trace != std::string::npos) text.resize(trace);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

ParsedError Parse(const duckdb::ErrorData& error) {
  ParsedError parsed;
  parsed.type = error.Type();
  parsed.message = error.RawMessage();
  for (const auto& [key, value] : error.ExtraInfo()) SetField(key, value, &parsed);
  if (!parsed.message.empty() && parsed.message.front() == '{') {
    auto json = Value::FromJson(parsed.message);
    if (json.ok() && json->Find("exception_message") != nullptr) {
      for (const auto& [key, value] : json->as_object()) {
        if (!value.is_string()) continue;
        SetField(key, value.as_string(), &parsed);
        if (key == "exception_type") {
          parsed.type = duckdb::Exception::StringToExceptionType(value.as_string());
        }
      }
      const Value& message = *json->Find("exception_message");
      if (message.is_string()) parsed.message = message.as_string();
    }
  }
  parsed.message = WithoutTrace(std::move(parsed.message));
  return parsed;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// The name in `Table Function with name "read_csv" is not in the catalog, but ...`, which DuckDB
// does not give as a field.
std::string NameInMessage(const std::string& message) {
  constexpr std::string_view kBefore = "with name ";
  size_t begin = message.find(kBefore);
  if (begin == std::string::npos) return {};
  begin += kBefore.size();
  if (begin < message.size() && message[begin] == '"') ++begin;
  const size_t end = message.find_first_of("\" ", begin);
  return message.substr(begin, end == std::string::npos ? end : end - begin);
}

bool LooksLikeFile(const std::string& name) {
  return name.find_first_of("/\\.*") != std::string::npos;
}

// Where the name stands, for the errors that DuckDB gives no place with.
std::optional<size_t> FindName(std::string_view query, const std::string& name) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  const auto at = std::search(query.begin(), query.end(), name.begin(), name.end(), same);
  if (name.empty() || at == query.end()) return std::nullopt;
  return static_cast<size_t>(at - query.begin());
}

// What DuckDB does not know because SQL here has no access to it, or because it is no input.
std::optional<arrow::Status> MissingEntryError(const ParsedError& parsed,
                                               const QueryErrorContext& context,
                                               std::string detail) {
  if (parsed.type != duckdb::ExceptionType::CATALOG) return std::nullopt;
  const std::string name =
      parsed.entry_name.empty() ? NameInMessage(parsed.message) : parsed.entry_name;
  if (name.empty()) return std::nullopt;
  if (detail.empty()) {
    if (auto at = FindName(context.query, name)) detail = DescribePosition(context.query, *at);
  }
  if (IsForbiddenFunction(name)) return ForbiddenFunctionError(name, detail);
  if (parsed.entry_type != "Table") return std::nullopt;
  if (LooksLikeFile(name)) {
    return MakeError(ErrorCode::kPermissionDenied,
                     "SQL reads the inputs of its command and nothing else, so it cannot open '" +
                         name + "'; name the data as an input",
                     detail);
  }
  const std::string known = context.input_names.empty() ? "The command has no inputs"
                                                        : "The inputs are: " + context.input_names;
  return MakeError(ErrorCode::kBadArgument,
                   "The query names the table '" + name + "', which is no input. " + known, detail);
}

std::string LimitsSentence(const QueryErrorContext& context) {
  std::string text = "A query may use " + HumanBytes(context.memory_limit) + " of memory";
  if (context.spill_limit > 0) text += " and " + HumanBytes(context.spill_limit) + " of disk";
  return text;
}

// The codes of what can go wrong in the query as well as in the data.
ErrorCode CodeOf(duckdb::ExceptionType type, QueryPhase phase) {
  using duckdb::ExceptionType;
  switch (type) {
    case ExceptionType::PARSER:
    case ExceptionType::SYNTAX:
    case ExceptionType::BINDER:
    case ExceptionType::CATALOG:
    case ExceptionType::EXPRESSION:
    case ExceptionType::PARAMETER_NOT_ALLOWED:
    case ExceptionType::PARAMETER_NOT_RESOLVED:
      return ErrorCode::kBadArgument;
    case ExceptionType::PERMISSION:
      return ErrorCode::kPermissionDenied;
    case ExceptionType::INTERRUPT:
      return ErrorCode::kCommandCancelled;
    case ExceptionType::OUT_OF_MEMORY:
      return ErrorCode::kResourceExhausted;
    case ExceptionType::INTERNAL:
    case ExceptionType::FATAL:
      return ErrorCode::kInternalError;
    default:
      return phase == QueryPhase::kPlanning ? ErrorCode::kBadArgument : ErrorCode::kCommandFailed;
  }
}

}  // namespace

arrow::Status QueryError(const duckdb::ErrorData& error, const QueryErrorContext& context) {
  const ParsedError parsed = Parse(error);
  std::string detail;
  if (parsed.position.has_value() && *parsed.position <= context.query.size()) {
    detail = DescribePosition(context.query, *parsed.position);
  }
  if (auto missing = MissingEntryError(parsed, context, detail)) return *missing;
  const ErrorCode code = CodeOf(parsed.type, context.phase);
  switch (code) {
    case ErrorCode::kCommandCancelled:
      return MakeError(code, "The query was cancelled");
    case ErrorCode::kResourceExhausted:
      return MakeError(code,
                       "The query needs more memory than it may use; make it smaller or raise "
                       "query_memory_limit of [sql]",
                       LimitsSentence(context) + ". " + FirstLine(parsed.message));
    case ErrorCode::kInternalError:
      return MakeError(code, "DuckDB failed inside while it ran the query",
                       FirstLine(parsed.message));
    default:
      break;
  }
  // Only spilling touches files, and its error names them, which is nobody's business.
  if (parsed.type == duckdb::ExceptionType::IO) {
    return MakeError(
        ErrorCode::kResourceExhausted,
        "The query needs more memory than it may use, and could not be spilled to disk",
        LimitsSentence(context));
  }
  if (parsed.message.find("expression depth limit") != std::string::npos) {
    return MakeError(ErrorCode::kBadArgument,
                     "The query is nested more than " + std::to_string(kMaxExpressionDepth) +
                         " levels deep; divide it with WITH",
                     std::move(detail));
  }
  std::string message = FirstLine(parsed.message);
  if (message.size() < parsed.message.size()) {
    const std::string rest = parsed.message.substr(message.size() + 1);
    detail = detail.empty() ? rest : detail + "\n" + rest;
  }
  if (parsed.type == duckdb::ExceptionType::PARSER ||
      parsed.type == duckdb::ExceptionType::SYNTAX) {
    message = "The query cannot be parsed: " + message;
  }
  return MakeError(code, std::move(message), std::move(detail));
}

arrow::Status InternalError(const duckdb::ErrorData& error, const std::string& what) {
  return MakeError(ErrorCode::kInternalError, what, FirstLine(Parse(error).message));
}

bool BreaksInstance(const duckdb::ErrorData& error) {
  const auto type = Parse(error).type;
  return type == duckdb::ExceptionType::INTERNAL || type == duckdb::ExceptionType::FATAL;
}

std::string DescribePosition(std::string_view query, size_t offset) {
  offset = std::min(offset, query.size());
  size_t line_begin = 0;
  size_t line = 1;
  for (size_t i = 0; i < offset; ++i) {
    if (query[i] == '\n') {
      ++line;
      line_begin = i + 1;
    }
  }
  size_t line_end = query.find('\n', offset);
  if (line_end == std::string_view::npos) line_end = query.size();

  // Characters, so that the caret stands right below text that is not ASCII.
  auto is_char_start = [&](size_t i) { return (query[i] & 0xC0) != 0x80; };
  size_t position = 1;
  for (size_t i = line_begin; i < offset; ++i) position += is_char_start(i) ? 1 : 0;

  // Back from the place, then on from it, until the excerpt is full.
  size_t begin = offset;
  size_t before = 0;
  while (begin > line_begin && before < kExcerptChars) {
    --begin;
    if (is_char_start(begin)) ++before;
  }
  size_t end = offset;
  for (size_t after = 0; end < line_end; ++end) {
    if (is_char_start(end) && ++after > kExcerptChars) break;
  }
  std::string excerpt(query.substr(begin, end - begin));
  for (char& c : excerpt) {
    if (c == '\t' || c == '\r') c = ' ';
  }
  return "line " + std::to_string(line) + ", position " + std::to_string(position) + "\n" +
         excerpt + "\n" + std::string(before, ' ') + "^";
}

std::string HumanBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

}  // namespace longbow::sql
