#include "flight_argument.h"

#include <sys/stat.h>
#include <utility>

#include "client_actions.h"
#include "client_failure.h"
#include "data_file.h"

namespace longbow::client {
namespace {

bool StartsWith(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

arrow::Result<FlightArgument> ParsePath(std::string_view text) {
  auto path = FlightPath::Parse(text);
  if (!path.ok()) {
    return UsageError("'" + std::string(text) +
                      "' is no path of a flight: " + path.status().message());
  }
  return *path;
}

arrow::Result<FlightArgument> ParseCommand(std::string_view text) {
  auto value = Value::FromJson(text);
  if (!value.ok()) return UsageError("the command is no JSON: " + value.status().message());
  return CommandArgument{std::move(*value)};
}

arrow::Result<FlightArgument> ParseConnector(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view source = text.substr(0, slash);
  if (source.empty()) {
    return UsageError(
        "write connector:SOURCE or connector:SOURCE/PATH, SOURCE being a name in the "
        "server's settings ([connector.source.SOURCE])");
  }
  Value::Object payload{{"source", source}};
  if (slash != std::string_view::npos && slash + 1 < text.size()) {
    payload["path"] = text.substr(slash + 1);
  }
  return CommandArgument{
      Value(Value::Object{{"service", "connector"}, {"payload", std::move(payload)}})};
}

arrow::Result<FlightArgument> ParseFile(std::string path, const FileProbe& is_file) {
  if (!is_file(path)) return UsageError("there is no local file '" + path + "'");
  return LocalFile{std::move(path)};
}

}  // namespace

bool IsExistingFile(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

arrow::Result<FlightArgument> ParseFlightArgument(std::string_view text, const FileProbe& is_file) {
  if (StartsWith(text, "{")) return ParseCommand(text);
  if (StartsWith(text, "path:")) return ParsePath(text.substr(5));
  if (StartsWith(text, "connector:")) return ParseConnector(text.substr(10));
  if (StartsWith(text, "@")) return ParseFile(std::string(text.substr(1)), is_file);
  // A path has no empty part, so a leading slash can only be a file's.
  if (StartsWith(text, "/") || StartsWith(text, "./") || StartsWith(text, "../")) {
    return ParseFile(std::string(text), is_file);
  }
  std::string name(text);
  if (DataFormatFromFileName(name).has_value() && is_file(name)) return LocalFile{std::move(name)};
  return ParsePath(text);
}

std::string CommandAsArgument(const std::string& command) {
  auto value = Value::FromJson(command);
  if (!value.ok()) return command;
  const Value* payload = value->Find("payload");
  if (payload == nullptr) return command;
  std::string text = "connector:" + StringField(*payload, "source");
  if (const std::string path = StringField(*payload, "path"); !path.empty()) text += "/" + path;
  // It is that only if nothing else is said: if it reads back as the same.
  auto again = ParseConnector(std::string_view(text).substr(10));
  if (!again.ok() || std::get<CommandArgument>(*again).command != *value) return command;
  return text;
}

arrow::Result<InputArgument> ParseInputArgument(std::string_view text, const FileProbe& is_file) {
  const size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return UsageError("--input '" + std::string(text) +
                      "' is not NAME=FLIGHT, such as sales=raw/sales or sales=sales.parquet");
  }
  auto source = ParseFlightArgument(text.substr(equals + 1), is_file);
  if (!source.ok()) return UsageError("--input " + name + ": " + source.status().message());
  return InputArgument{name, std::move(*source)};
}

Value PathValue(const FlightPath& path) {
  Value::List parts;
  for (const std::string& part : path.parts()) parts.emplace_back(part);
  return parts;
}

Value MakeSqlCommand(const SqlRequest& request) {
  Value::Object inputs;
  for (const InputArgument& input : request.inputs) {
    Value::Object source;
    if (const auto* path = std::get_if<FlightPath>(&input.source))
      source["path"] = PathValue(*path);
    if (const auto* made = std::get_if<CommandArgument>(&input.source)) {
      source["command"] = made->command;
    }
    inputs[input.name] = std::move(source);
  }
  Value::Object sink;
  if (request.sink) sink["path"] = PathValue(*request.sink);
  if (request.cache) sink["cache"] = true;
  if (!request.if_exists.empty()) {
    sink["ifExists"] = UpperCase(request.if_exists);
  }
  if (request.ttl_sec) sink["ttlSec"] = *request.ttl_sec;
  Value::Object payload{{"query", request.query}};
  if (!inputs.empty()) payload["inputs"] = std::move(inputs);
  if (!sink.empty()) payload["sink"] = std::move(sink);
  return Value::Object{{"service", "sql"}, {"payload", std::move(payload)}};
}

}  // namespace longbow::client
