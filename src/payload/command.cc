#include "payload/command.h"

#include <utility>

#include <openssl/evp.h>

#include <longbow/error.h>

#include "longbow/v1/command.pb.h"
#include "payload/command_parser.h"
#include "payload/object_reader.h"
#include "payload/proto_value.h"

namespace longbow {
namespace {

arrow::Result<CommandDescriptor> ReadJson(std::string_view bytes, const CommandLimits& limits) {
  arrow::Result<Value> value = Value::FromJson(bytes, kMaxJsonDepth);
  if (!value.ok()) {
    return MakeError(ErrorCode::kBadArgument, "The command: " + value.status().message());
  }
  ARROW_ASSIGN_OR_RAISE(ObjectReader reader, ObjectReader::Make(*value, ""));
  ObjectReader wait = reader;
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> retry, wait.Object("retry"));
  ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> cancel, wait.Object("cancel"));
  if (!retry.has_value() && !cancel.has_value()) {
    ARROW_ASSIGN_OR_RAISE(Command command,
                          CommandParser(Encoding::kJson, limits).ReadCommand(std::move(reader)));
    return CommandDescriptor(std::move(command));
  }
  if (retry.has_value() == cancel.has_value() || !wait.Others().empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "A command has exactly one of service, retry and cancel, and what belongs to "
                     "it, not more");
  }
  ARROW_ASSIGN_OR_RAISE(TaskReference task,
                        ReadTaskReference(retry.has_value() ? *retry : *cancel));
  if (retry.has_value()) return CommandDescriptor(RetryRequest{task, Encoding::kJson});
  return CommandDescriptor(CancelRequest{task, Encoding::kJson});
}

arrow::Result<CommandDescriptor> ReadProto(std::string_view bytes, const CommandLimits& limits) {
  v1::Command message;
  if (!ParseProto(bytes, &message) || HasUnknownFields(message)) return RawCommand();
  bool clean = IsServiceName(message.service())
                   ? !message.has_retry() && !message.has_cancel()
                   : message.service().empty() && message.node().empty() &&
                         !message.has_payload() && message.has_retry() != message.has_cancel();
  if (!clean) return RawCommand();

  ARROW_ASSIGN_OR_RAISE(Value value, ProtoToValue(message, ErrorCode::kBadArgument));
  ARROW_ASSIGN_OR_RAISE(ObjectReader reader, ObjectReader::Make(value, ""));
  if (message.has_retry()) {
    ARROW_ASSIGN_OR_RAISE(auto retry, reader.Object("retry"));
    ARROW_ASSIGN_OR_RAISE(TaskReference task, ReadTaskReference(*std::move(retry)));
    return CommandDescriptor(RetryRequest{std::move(task), Encoding::kProtobuf});
  }
  if (message.has_cancel()) {
    ARROW_ASSIGN_OR_RAISE(auto cancel, reader.Object("cancel"));
    ARROW_ASSIGN_OR_RAISE(TaskReference task, ReadTaskReference(*std::move(cancel)));
    return CommandDescriptor(CancelRequest{std::move(task), Encoding::kProtobuf});
  }
  ARROW_ASSIGN_OR_RAISE(Command command,
                        CommandParser(Encoding::kProtobuf, limits).ReadCommand(std::move(reader)));
  return CommandDescriptor(std::move(command));
}

std::string Serialize(const Value& value, Encoding encoding) {
  if (encoding == Encoding::kJson) return value.ToJson();
  v1::Command message;
  ValueToProto(value, &message);
  return SerializeProto(message);
}

/// The command as all ways to write it have it in common.
Value CanonicalValue(const Command& command, bool with_sink) {
  Command canonical = command;
  canonical.node.clear();
  if (!with_sink) canonical.sink = Sink();
  Value value = CommandValue(canonical, Encoding::kJson);
  for (const auto& [name, source] : command.inputs) {
    if (const auto* inner = std::get_if<std::shared_ptr<const Command>>(&source)) {
      Value& payload = value.as_object().find("payload")->second;
      Value& inputs = payload.as_object().find("inputs")->second;
      Value& input = inputs.as_object().find(name)->second;
      input.as_object()["command"] = CanonicalValue(**inner, /*with_sink=*/true);
    }
  }
  return value;
}

std::string Sha256Hex(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace

arrow::Result<CommandDescriptor> ParseCommandDescriptor(std::string_view bytes,
                                                        const CommandLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return MakeError(ErrorCode::kBadArgument,
                     "The command has " + std::to_string(bytes.size()) + " bytes; at most " +
                         std::to_string(limits.max_bytes) +
                         " are allowed: put data under a path and name it as an input");
  }
  if (!bytes.empty() && bytes.front() == '{') return ReadJson(bytes, limits);
  return ReadProto(bytes, limits);
}

std::string SerializeRetry(const TaskReference& task, Encoding encoding) {
  return Serialize(Value::Object{{"retry", TaskReferenceValue(task)}}, encoding);
}

std::string SerializeCancel(const TaskReference& task, Encoding encoding) {
  return Serialize(Value::Object{{"cancel", TaskReferenceValue(task)}}, encoding);
}

std::string SerializeCommand(const Command& command, Encoding encoding) {
  return Serialize(CommandValue(command, encoding), encoding);
}

std::string CanonicalText(const Command& command, bool with_sink) {
  return CanonicalValue(command, with_sink).ToJson();
}

FlightPath CachePath(const Command& command) {
  // Not the sink: whether a result is kept for one minute or two, it is the same result.
  std::string hash = Sha256Hex(CanonicalText(command, /*with_sink=*/false));
  return FlightPath::Make({"cache", "result", std::move(hash)}).ValueOrDie();
}

}  // namespace longbow
