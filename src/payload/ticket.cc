#include "payload/ticket.h"

#include <utility>

#include <longbow/error.h>

#include "longbow/v1/ticket.pb.h"
#include "payload/command_parser.h"
#include "payload/object_reader.h"
#include "payload/proto_value.h"

namespace longbow {
namespace {

/// More than a path can take, in any encoding.
constexpr size_t kMaxTicketBytes = 64 * 1024;

arrow::Result<Ticket> Read(const Value& value) {
  ARROW_ASSIGN_OR_RAISE(ObjectReader reader,
                        ObjectReader::Make(value, "", ErrorCode::kInvalidTicket));
  ARROW_ASSIGN_OR_RAISE(std::optional<FlightPath> path, reader.Path("path"));
  ARROW_ASSIGN_OR_RAISE(std::optional<int64_t> revision, reader.Int("revision", 0));
  TaskReference task;
  ARROW_ASSIGN_OR_RAISE(task.task, reader.Name("task"));
  ARROW_ASSIGN_OR_RAISE(task.node, reader.Name("node"));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  if (path.has_value() == !task.task.empty()) {
    return MakeError(
        ErrorCode::kInvalidTicket,
        "A ticket has either path, such as {\"path\": [\"reports\", \"2026\"]}, or task");
  }
  if (path.has_value()) return Ticket(FlightTicket{*std::move(path), revision});
  if (revision.has_value()) return reader.Error("revision", " belongs to a path, not to a task");
  return Ticket(TaskTicket{std::move(task)});
}

std::string Serialize(const Value& value, Encoding encoding) {
  if (encoding == Encoding::kJson) return value.ToJson();
  v1::Ticket message;
  ValueToProto(value, &message);
  return SerializeProto(message);
}

}  // namespace

arrow::Result<Ticket> ParseTicket(std::string_view bytes) {
  bool json = !bytes.empty() && bytes.front() == '{';
  if (bytes.size() > kMaxTicketBytes) {
    if (!json) return Ticket(RawTicket());
    return MakeError(ErrorCode::kInvalidTicket,
                     "The ticket has " + std::to_string(bytes.size()) + " bytes; at most " +
                         std::to_string(kMaxTicketBytes) + " are allowed");
  }
  if (json) {
    arrow::Result<Value> value = Value::FromJson(bytes, kMaxJsonDepth);
    if (value.ok()) return Read(*value);
    return MakeError(ErrorCode::kInvalidTicket, "The ticket: " + value.status().message());
  }
  v1::Ticket message;
  if (!ParseProto(bytes, &message) || HasUnknownFields(message)) return Ticket(RawTicket());
  if ((message.path_size() > 0) == !message.task().empty()) return Ticket(RawTicket());
  ARROW_ASSIGN_OR_RAISE(Value value, ProtoToValue(message, ErrorCode::kInvalidTicket));
  return Read(value);
}

std::string SerializeTicket(const TaskTicket& ticket, Encoding encoding) {
  return Serialize(TaskReferenceValue(ticket.task), encoding);
}

std::string SerializeTicket(const FlightTicket& ticket, Encoding encoding) {
  Value::Object object{{"path", PathValue(ticket.path)}};
  if (ticket.revision.has_value()) object.emplace("revision", *ticket.revision);
  return Serialize(object, encoding);
}

}  // namespace longbow
