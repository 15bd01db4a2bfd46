// DoGet: redeems a ticket.

#include <utility>

#include <arrow/flight/types.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/raw_calls.h"
#include "flight/stream_sender.h"
#include "flight/task_wait.h"
#include "payload/ticket.h"

namespace longbow::flight {
namespace {

arrow::Status Stale(const std::string& what) {
  return MakeError(ErrorCode::kInvalidTicket, what, "Ask GetFlightInfo for a new ticket.");
}

bool IsGranted(const OpenCall& open, const FlightTicket& ticket) {
  return ticket.revision &&
         open.node->grants.Has(open.caller.origin.principal->name, ticket.path, *ticket.revision);
}

void GetStored(const OpenCallPtr& open, const FlightTicket& ticket) {
  auto store = open->node->parts.registry->store();
  if (!store) {
    return open->Finish(MakeError(ErrorCode::kNotImplemented,
                                  "this node stores no flights: its storage module is not loaded"));
  }
  auto allowed = open->caller.CheckRead(ticket.path);
  if (!allowed.ok() && !IsGranted(*open, ticket)) return open->Finish(allowed);
  open->call->Annotate("path", ticket.path.ToString());
  auto flight = store->Find(ticket.path, ticket.revision);
  if (!flight) {
    const std::string where = "'" + ticket.path.ToString() + "'";
    if (ticket.revision) {
      return open->Finish(Stale("revision " + std::to_string(*ticket.revision) + " of " + where +
                                " is not here (any more)"));
    }
    return open->Finish(MakeError(ErrorCode::kNotFound, "there is no flight at " + where,
                                  "ListFlights tells which there are."));
  }
  auto options = EncodingOf(*open->call);
  if (!options.ok()) return open->Finish(options.status());
  if (IsStoredForm(*options)) return SendStored(open, std::move(flight));
  auto reader = flight->Open();
  if (!reader.ok()) return open->Finish(reader.status());
  SendReader(open, std::move(*reader), *options);
}

void SendResult(const OpenCallPtr& open, const std::shared_ptr<Task>& task,
                const Task::Outcome& outcome) {
  if (outcome.stored) {
    return GetStored(open, FlightTicket{outcome.stored->path, outcome.stored->revision});
  }
  auto options = EncodingOf(*open->call);
  if (!options.ok()) return open->Finish(options.status());
  auto reader = task->OpenReader();
  if (!reader.ok()) return open->Finish(reader.status());
  SendTask(open, std::move(*reader), *options);
}

void GetTask(const OpenCallPtr& open, const TaskTicket& ticket) {
  NodeContext* node = open->node;
  auto task = ticket.task.node.empty() || ticket.task.node == node->options.node_id
                  ? node->parts.tasks->Find(ticket.task.task)
                  : nullptr;
  if (!task || !open->caller.MaySee(*task)) {
    return open->Finish(Stale("the ticket names no result that this node has"));
  }
  TaskWait::Callbacks callbacks;
  callbacks.on_outcome = [open, task](const arrow::Result<Task::Outcome>& outcome) {
    if (!outcome.ok()) return open->Finish(outcome.status());
    SendResult(open, task, *outcome);
  };
  callbacks.on_limit = [open] {
    open->Finish(MakeError(ErrorCode::kTimeout, "the result did not begin in time"));
  };
  // A ticket is given out when the outcome is known, so that this wait is over at once.
  const auto until = node->parts.clock->Now() + std::chrono::seconds(node->options.max_wait_sec);
  TaskWait::Start(open, task, until, WaitLimit::kKeepTask, std::move(callbacks));
}

}  // namespace

void ServeDoGet(OpenCallPtr open, const std::string& request) {
  auto raw = arrow::flight::Ticket::Deserialize(request);
  if (!raw.ok()) {
    return open->Finish(Stale("the request is no Ticket message"));
  }
  auto ticket = ParseTicket(raw->ticket);
  if (!ticket.ok()) return open->Finish(ticket.status());
  AfterSync(open, [open, raw = std::move(*raw), ticket = std::move(*ticket)] {
    if (auto* flight = std::get_if<FlightTicket>(&ticket)) return GetStored(open, *flight);
    if (auto* task = std::get_if<TaskTicket>(&ticket)) return GetTask(open, *task);
    if (open->node->parts.registry->methods().empty()) {
      return open->Finish(Stale("the ticket is none of this node's"));
    }
    OfferRaw(open, [open, raw](FlightMethods& methods) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto items, methods.DoGet(*open->call, raw));
      SendItems(open, std::move(items));
      return arrow::Status::OK();
    });
  });
}

}  // namespace longbow::flight
