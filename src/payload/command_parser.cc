#include "payload/command_parser.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "base/nearest.h"
#include "base/utf8.h"
#include "payload/proto_value.h"

namespace longbow {
namespace {

constexpr int64_t kMaxTtlSec = int64_t{100} * 366 * 24 * 3600;
const std::vector<std::string> kIfExistsNames = {"ERROR", "REUSE", "REPLACE"};

arrow::Result<MetadataChanges> ReadChanges(const ObjectReader& reader) {
  MetadataChanges changes;
  for (const auto& [key, value] : reader.members()) {
    if (!value.is_string() && !value.is_null()) {
      return reader.Error(key, " must be a string, which sets it, or null, which removes it");
    }
    if (key.empty()) return reader.Error(key, " has an empty key");
    changes[key] = value.is_null() ? std::optional<std::string>() : value.as_string();
  }
  return changes;
}

arrow::Result<Sink> ReadSink(ObjectReader reader) {
  Sink sink;
  ARROW_ASSIGN_OR_RAISE(sink.path, reader.Path("path"));
  ARROW_ASSIGN_OR_RAISE(sink.cache, reader.Bool("cache"));
  ARROW_ASSIGN_OR_RAISE(sink.if_exists, ReadIfExists(&reader, "ifExists"));
  ARROW_ASSIGN_OR_RAISE(sink.ttl_sec, ReadTtl(&reader, "ttlSec"));
  ARROW_ASSIGN_OR_RAISE(sink.repeatable, reader.Bool("repeatable"));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  if (sink.path.has_value() && sink.cache) {
    return reader.Error("cache", " derives the path from the command: leave out " +
                                     reader.PathOf("path") + " or it");
  }
  if (!sink.path.has_value() && !sink.cache && sink.if_exists != IfExists::kError) {
    return reader.Error(
        "ifExists", " needs " + reader.PathOf("path") + ": a result without a path is not stored");
  }
  return sink;
}

Value ChangesValue(const MetadataChanges& changes) {
  Value::Object object;
  for (const auto& [key, value] : changes) {
    object.emplace(key, value.has_value() ? Value(*value) : Value());
  }
  return object;
}

Value::Object SinkValue(const Sink& sink) {
  Value::Object object;
  if (sink.path.has_value()) object.emplace("path", PathValue(*sink.path));
  if (sink.cache) object.emplace("cache", true);
  if (sink.if_exists != IfExists::kError) {
    object.emplace("ifExists", IfExistsName(sink.if_exists));
  }
  if (sink.ttl_sec.has_value()) object.emplace("ttlSec", *sink.ttl_sec);
  if (sink.repeatable) object.emplace("repeatable", true);
  return object;
}

/// Whether a protobuf Struct, whose numbers are double and integers where integral, gives back
/// `value`.
bool FitsStruct(const Value& value) {
  constexpr double kExact = 9007199254740992;  // 2^53
  switch (value.type()) {
    case Value::Type::kInt:
      return std::abs(static_cast<double>(value.as_int())) < kExact;
    case Value::Type::kDouble: {
      double number = value.as_double();
      bool integral = std::trunc(number) == number && std::abs(number) <= kExact;
      return !integral || (number == 0 && std::signbit(number));
    }
    case Value::Type::kList:
      for (const Value& item : value.as_list()) {
        if (!FitsStruct(item)) return false;
      }
      return true;
    case Value::Type::kObject:
      for (const auto& [key, member] : value.as_object()) {
        if (!FitsStruct(member)) return false;
      }
      return true;
    default:
      return true;
  }
}

}  // namespace

bool IsServiceName(std::string_view name) {
  return !name.empty() && name.size() <= 128 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

std::string_view IfExistsName(IfExists if_exists) {
  return kIfExistsNames[static_cast<size_t>(if_exists)];
}

arrow::Result<IfExists> ReadIfExists(ObjectReader* reader, std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(std::string text, reader->Text(name));
  if (text.empty()) return IfExists::kError;
  for (size_t i = 0; i < kIfExistsNames.size(); ++i) {
    if (text == kIfExistsNames[i]) return static_cast<IfExists>(i);
  }
  std::string nearest = NearestName(text, kIfExistsNames);
  return reader->Error(name, " must be ERROR, REUSE or REPLACE" +
                                 (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
}

arrow::Result<std::optional<int64_t>> ReadTtl(ObjectReader* reader, std::string_view name) {
  return reader->Int(name, 1, kMaxTtlSec);
}

arrow::Result<TaskReference> ReadTaskReference(ObjectReader reader) {
  TaskReference task;
  ARROW_ASSIGN_OR_RAISE(task.task, reader.Name("task"));
  ARROW_ASSIGN_OR_RAISE(task.node, reader.Name("node"));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  if (task.task.empty()) return reader.Error("task", " is missing: give the task's id");
  return task;
}

arrow::Result<ResultMetadata> ReadResultMetadata(ObjectReader reader) {
  ResultMetadata metadata;
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> schema, reader.Object("schema"));
  if (schema.has_value()) {
    ARROW_ASSIGN_OR_RAISE(metadata.schema, ReadChanges(*schema));
  }
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> fields, reader.Object("fields"));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  if (!fields.has_value()) return metadata;
  for (const auto& [name, value] : fields->members()) {
    ARROW_ASSIGN_OR_RAISE(ObjectReader field,
                          ObjectReader::Make(value, fields->PathOf(name), fields->code()));
    ARROW_ASSIGN_OR_RAISE(MetadataChanges changes, ReadChanges(field));
    if (!changes.empty()) metadata.fields.emplace(name, std::move(changes));
  }
  return metadata;
}

arrow::Result<Command> CommandParser::ReadCommand(ObjectReader reader) {
  Command command;
  command.encoding = encoding_;
  if (++depth_ > limits_.max_depth) {
    return MakeError(ErrorCode::kBadArgument,
                     "Commands are nested deeper than " + std::to_string(limits_.max_depth) +
                         " levels: store a part of them under a path first",
                     "At " + std::string(CutToCharacters(reader.path(), 256)));
  }
  ARROW_ASSIGN_OR_RAISE(command.service, reader.Text("service"));
  ARROW_ASSIGN_OR_RAISE(command.node, reader.Name("node"));
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> payload, reader.Object("payload"));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  if (command.service.empty()) {
    return reader.Error("service", " is missing: name the service that is to answer");
  }
  if (!IsServiceName(command.service)) {
    return reader.Error("service", " must be lower-case letters, digits, '-' and '_', at most 128");
  }
  if (payload.has_value()) {
    ARROW_RETURN_NOT_OK(ReadPayload(*std::move(payload), &command));
  }
  --depth_;
  return command;
}

arrow::Status CommandParser::ReadPayload(ObjectReader reader, Command* command) {
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> inputs, reader.Object("inputs"));
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> sink, reader.Object("sink"));
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> metadata, reader.Object("resultMetadata"));
  ARROW_RETURN_NOT_OK(ReadOwnFields(&reader, command));
  if (inputs.has_value()) {
    ARROW_RETURN_NOT_OK(ReadInputs(*std::move(inputs), command));
  }
  if (sink.has_value()) {
    ARROW_ASSIGN_OR_RAISE(command->sink, ReadSink(*std::move(sink)));
  }
  if (metadata.has_value()) {
    ARROW_ASSIGN_OR_RAISE(command->result_metadata, ReadResultMetadata(*std::move(metadata)));
  }
  return arrow::Status::OK();
}

arrow::Status CommandParser::ReadOwnFields(ObjectReader* reader, Command* command) {
  if (encoding_ == Encoding::kJson) {
    command->fields = reader->Others();
    return arrow::Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> fields, reader->Object("fields"));
  ARROW_ASSIGN_OR_RAISE(std::string text, reader->Text("fieldsJson"));
  if (fields.has_value()) command->fields = fields->Others();
  if (text.empty()) return arrow::Status::OK();
  if (!command->fields.empty()) {
    return reader->Error("fieldsJson",
                         " stands beside " + reader->PathOf("fields") + ": give one of the two");
  }
  arrow::Result<Value> value = Value::FromJson(text, kMaxJsonDepth);
  if (!value.ok()) return reader->Error("fieldsJson", ": " + value.status().message());
  ARROW_ASSIGN_OR_RAISE(ObjectReader object,
                        ObjectReader::Make(*value, reader->PathOf("fieldsJson")));
  command->fields = object.Others();
  return arrow::Status::OK();
}

arrow::Status CommandParser::ReadInputs(ObjectReader reader, Command* command) {
  for (const auto& [name, value] : reader.members()) {
    if (name.empty())
      return MakeError(ErrorCode::kBadArgument, reader.path() + " has an empty name");
    if (name.size() > FlightPath::kMaxPartBytes) {
      return reader.Error(name, " has a name of " + std::to_string(name.size()) +
                                    " bytes; at most 255 are allowed");
    }
    if (++inputs_ > limits_.max_inputs) {
      return MakeError(ErrorCode::kBadArgument,
                       "The command has more than " + std::to_string(limits_.max_inputs) +
                           " inputs in all: store a part of them under a path first");
    }
    ARROW_ASSIGN_OR_RAISE(ObjectReader input, ObjectReader::Make(value, reader.PathOf(name)));
    ARROW_ASSIGN_OR_RAISE(InputSource source, ReadSource(std::move(input)));
    command->inputs.emplace(name, std::move(source));
  }
  return arrow::Status::OK();
}

arrow::Result<InputSource> CommandParser::ReadSource(ObjectReader reader) {
  ARROW_ASSIGN_OR_RAISE(std::optional<FlightPath> path, reader.Path("path"));
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> command, reader.Object("command"));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  if (path.has_value() == command.has_value()) {
    std::string what = reader.path().empty() ? "The message" : reader.path();
    return MakeError(reader.code(), what + " must have either path or command" +
                                        (path.has_value() ? ", not both" : ""));
  }
  if (path.has_value()) return InputSource(*std::move(path));
  ARROW_ASSIGN_OR_RAISE(Command inner, ReadCommand(*std::move(command)));
  return InputSource(std::make_shared<const Command>(std::move(inner)));
}

Value PathValue(const FlightPath& path) { return TextsValue(path.parts()); }

Value TextsValue(const std::vector<std::string>& texts) {
  return Value::List(texts.begin(), texts.end());
}

Value TaskReferenceValue(const TaskReference& task) {
  Value::Object object{{"task", task.task}};
  if (!task.node.empty()) object.emplace("node", task.node);
  return object;
}

Value::Object ResultMetadataValue(const ResultMetadata& metadata) {
  Value::Object object;
  if (!metadata.schema.empty()) object.emplace("schema", ChangesValue(metadata.schema));
  Value::Object fields;
  for (const auto& [name, changes] : metadata.fields) {
    if (!changes.empty()) fields.emplace(name, ChangesValue(changes));
  }
  if (!fields.empty()) object.emplace("fields", std::move(fields));
  return object;
}

Value CommandValue(const Command& command, Encoding encoding) {
  Value::Object payload;
  if (encoding == Encoding::kJson) {
    payload = command.fields;
  } else if (!command.fields.empty()) {
    Value fields(command.fields);
    if (FitsStruct(fields)) {
      payload.emplace("fields", std::move(fields));
    } else {
      payload.emplace("fieldsJson", fields.ToJson());
    }
  }
  Value::Object inputs;
  for (const auto& [name, source] : command.inputs) {
    Value::Object input;
    if (const auto* path = std::get_if<FlightPath>(&source)) {
      input.emplace("path", PathValue(*path));
    } else {
      const auto& inner = *std::get<std::shared_ptr<const Command>>(source);
      input.emplace("command", CommandValue(inner, encoding));
    }
    inputs.emplace(name, std::move(input));
  }
  if (!inputs.empty()) payload.emplace("inputs", std::move(inputs));
  Value::Object sink = SinkValue(command.sink);
  if (!sink.empty()) payload.emplace("sink", std::move(sink));
  Value::Object metadata = ResultMetadataValue(command.result_metadata);
  if (!metadata.empty()) payload.emplace("resultMetadata", std::move(metadata));

  Value::Object envelope{{"service", command.service}};
  if (!command.node.empty()) envelope.emplace("node", command.node);
  if (!payload.empty()) envelope.emplace("payload", std::move(payload));
  return envelope;
}

}  // namespace longbow
