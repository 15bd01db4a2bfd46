/// \file
/// Tickets: what DoGet redeems. Never trusted: the parts are checked against what the node has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <arrow/result.h>

#include "payload/command.h"

namespace longbow {

/// The result of a task.
struct TaskTicket {
  TaskReference task;
};
/// A stored flight, at a revision or at its newest.
struct FlightTicket {
  FlightPath path;
  std::optional<int64_t> revision;
};
struct RawTicket {};
using Ticket = std::variant<TaskTicket, FlightTicket, RawTicket>;

/// Bytes that begin with `{` are JSON (errors: INVALID_TICKET, naming the field), else protobuf;
/// bytes that are no clean ticket message are a `RawTicket`.
arrow::Result<Ticket> ParseTicket(std::string_view bytes);
std::string SerializeTicket(const TaskTicket& ticket, Encoding encoding);
std::string SerializeTicket(const FlightTicket& ticket, Encoding encoding);

}  // namespace longbow
