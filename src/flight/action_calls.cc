// ListActions and DoAction: what a node answers about itself, its flights and its tasks.

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/flight/types.h>

#include <longbow/error.h>
#include <longbow/version.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/item_session.h"
#include "flight/raw_calls.h"
#include "flight/stream_sender.h"
#include "payload/messages.h"
#include "payload/ticket.h"

namespace longbow::flight {
namespace {

using arrow::flight::Action;
using arrow::flight::ActionType;
using transport::Frame;

/// What an action is given, and its one answer.
struct ActionCall {
  OpenCallPtr open;
  std::string body;
  NodeContext& node() const { return *open->node; }
};
using ActionFunction = std::function<arrow::Result<std::string>(const ActionCall&)>;

struct ActionEntry {
  ActionType type;
  ActionFunction run;
};

/// An action whose body and answer are messages.
template <typename Request, typename Answer>
ActionFunction Messages(arrow::Result<Answer> (*run)(const ActionCall&, const Request&)) {
  return [run](const ActionCall& call) -> arrow::Result<std::string> {
    Encoding encoding = Encoding::kJson;
    ARROW_ASSIGN_OR_RAISE(auto request, ParseMessage<Request>(call.body, &encoding));
    ARROW_ASSIGN_OR_RAISE(Answer answer, run(call, request));
    return SerializeMessage(answer, encoding);
  };
}

std::string ServingStatus(const NodeContext& node) {
  return std::string(NodeStateName(node.parts.health->state()));
}

NodeLocation LocationOf(const NodeContext& node) { return {node.options.node_id, {node.location}}; }

arrow::Result<std::shared_ptr<FlightStore>> StoreOf(const NodeContext& node) {
  if (auto store = node.parts.registry->store()) return store;
  return MakeError(ErrorCode::kNotImplemented,
                   "this node stores no flights: its storage module is not loaded");
}

arrow::Result<HealthCheckAnswer> HealthCheck(const ActionCall& call, const HealthCheckRequest&) {
  HealthCheckAnswer answer;
  answer.status = ServingStatus(call.node());
  answer.node = call.node().options.node_id;
  answer.version = LONGBOW_VERSION;
  const NodeHealth& health = *call.node().parts.health;
  if (!health.ready()) answer.problems.push_back(health.reason());
  for (const ModuleHealth& module : health.modules()) {
    if (module.state != ModuleState::kDegraded) continue;
    answer.problems.push_back("the module " + module.name + " is degraded: " + module.reason);
  }
  if (const auto& others = call.node().parts.problems) {
    for (std::string& problem : others()) answer.problems.push_back(std::move(problem));
  }
  return answer;
}

arrow::Result<LocationsAnswer> GetLocations(const ActionCall& call,
                                            const GetLocationsRequest& request) {
  const Caller& caller = call.open->caller;
  if (auto* command = std::get_if<std::shared_ptr<const Command>>(&request.of)) {
    ARROW_RETURN_NOT_OK(caller.CheckRun((*command)->service));
    if (!call.node().parts.registry->FindService((*command)->service)) return LocationsAnswer{};
  } else if (auto* path = std::get_if<FlightPath>(&request.of)) {
    if (!caller.CheckWrite(*path).ok()) ARROW_RETURN_NOT_OK(caller.CheckRead(*path));
    if (!call.node().parts.registry->store()) return LocationsAnswer{};
  }
  return LocationsAnswer{{LocationOf(call.node())}};
}

arrow::Result<ListNodesAnswer> ListNodes(const ActionCall& call, const ListNodesRequest&) {
  NodeEntry entry;
  entry.node = call.node().options.node_id;
  entry.uris = {call.node().location};
  entry.version = LONGBOW_VERSION;
  entry.status = ServingStatus(call.node());
  entry.started = call.node().started;
  for (const auto& service : call.node().parts.registry->services()) {
    const std::string& name = service->description().name;
    if (call.open->caller.CheckRun(name).ok()) entry.services.push_back(name);
  }
  return ListNodesAnswer{{std::move(entry)}};
}

arrow::Result<ListServicesAnswer> ListServices(const ActionCall& call, const ListServicesRequest&) {
  ListServicesAnswer answer;
  for (const auto& service : call.node().parts.registry->services()) {
    if (!call.open->caller.CheckRun(service->description().name).ok()) continue;
    answer.services.push_back({service->description(), {call.node().options.node_id}});
  }
  return answer;
}

arrow::Result<StoredFlightInfo> DescribeFlight(const ActionCall& call,
                                               const DescribeFlightRequest& request) {
  ARROW_RETURN_NOT_OK(call.open->caller.CheckRead(request.path));
  ARROW_ASSIGN_OR_RAISE(auto store, StoreOf(call.node()));
  auto flight = store->Find(request.path, request.revision);
  if (!flight) {
    return MakeError(ErrorCode::kNotFound,
                     "there is no flight at '" + request.path.ToString() + "'" +
                         (request.revision ? " with that revision" : ""),
                     "ListFlights tells which there are.");
  }
  return flight->info();
}

arrow::Status CheckDelete(const Caller& caller, const DeleteFlightsRequest& request) {
  for (const FlightPath& path : request.paths) ARROW_RETURN_NOT_OK(caller.CheckWrite(path));
  if (!request.paths.empty()) return arrow::Status::OK();
  // Who may write the prefix may write all below it.
  ARROW_ASSIGN_OR_RAISE(auto prefix, FlightPath::Make(request.prefix));
  return caller.CheckWrite(prefix);
}

arrow::Result<DeleteFlightsAnswer> DeleteFlights(const ActionCall& call,
                                                 const DeleteFlightsRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto store, StoreOf(call.node()));
  ARROW_RETURN_NOT_OK(CheckDelete(call.open->caller, request));
  DeleteFlightsAnswer answer;
  ARROW_ASSIGN_OR_RAISE(answer.deleted, request.paths.empty() ? store->DeletePrefix(request.prefix)
                                                              : store->Delete(request.paths));
  answer.revision = store->revision();
  if (answer.deleted > 0) AnswerRevision(*call.open, answer.revision);
  return answer;
}

arrow::Result<std::shared_ptr<Task>> FindTask(const ActionCall& call,
                                              const TaskReference& reference) {
  if (!reference.node.empty() && reference.node != call.node().options.node_id) {
    return MakeError(ErrorCode::kBadRequest, "the task is node '" + reference.node + "'s",
                     "Ask that node.");
  }
  auto task = call.node().parts.tasks->Find(reference.task);
  if (task && call.open->caller.MaySee(*task)) return task;
  return MakeError(ErrorCode::kNotFound, "there is no task '" + reference.task + "' on this node",
                   "ListTasks tells which there are.");
}

arrow::Result<CancelTaskAnswer> CancelTask(const ActionCall& call,
                                           const CancelTaskRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto task, FindTask(call, request.task));
  ARROW_RETURN_NOT_OK(CancelFor(call.open->caller, *task));
  return CancelTaskAnswer{std::string(TaskStateName(TaskState::kCancelled))};
}

arrow::Result<ListTasksAnswer> ListTasks(const ActionCall& call, const ListTasksRequest& request) {
  ListTasksAnswer answer;
  const Caller& caller = call.open->caller;
  const std::string& own_name = caller.origin.principal->name;
  const auto visible = [&](const Task& task) { return caller.MaySee(task); };
  for (const auto& info : call.node().parts.tasks->ListIf(visible)) {
    if (request.limit && static_cast<int64_t>(answer.tasks.size()) >= *request.limit) break;
    if (!request.service.empty() && info.service != request.service) continue;
    TaskEntry entry;
    entry.task = info.id;
    entry.node = call.node().options.node_id;
    entry.service = info.service;
    entry.state = TaskStateName(info.state);
    entry.progress = info.progress;
    entry.created = info.created;
    entry.rows = info.rows;
    entry.bytes = info.bytes;
    // A task that the caller joined tells it nothing of who began it.
    if (caller.permissions->MaySeeAllTasks() || info.principal == own_name) {
      entry.principal = info.principal;
    }
    entry.waits_for = info.waits_for;
    answer.tasks.push_back(std::move(entry));
  }
  return answer;
}

/// The task that an endpoint's ticket, or the metadata of a FlightInfo, names; empty where there is
/// none.
std::string TaskOf(const arrow::flight::FlightInfo& info) {
  auto metadata = ParseMessage<FlightInfoMetadata>(info.app_metadata());
  if (metadata.ok() && !metadata->task.empty()) return metadata->task;
  for (const auto& endpoint : info.endpoints()) {
    auto ticket = ParseTicket(endpoint.ticket.ticket);
    if (!ticket.ok()) continue;
    if (auto* task = std::get_if<TaskTicket>(&*ticket)) return task->task.task;
  }
  return "";
}

/// Flight's own; the answer is Flight's message, whatever the encoding.
arrow::Result<std::string> CancelFlightInfo(const ActionCall& call) {
  auto request = arrow::flight::CancelFlightInfoRequest::Deserialize(call.body);
  if (!request.ok() || request->info == nullptr) {
    return MakeError(ErrorCode::kBadArgument, "the body is no CancelFlightInfoRequest message");
  }
  const std::string id = TaskOf(*request->info);
  // Another module's flight may be meant.
  if (id.empty()) return FlightMethods::NotHandled();
  arrow::flight::CancelFlightInfoResult result;
  auto task = call.node().parts.tasks->Find(id);
  if (!task || !call.open->caller.MaySee(*task)) {
    return MakeError(ErrorCode::kNotFound, "the flight's task is not on this node (any more)");
  }
  auto status = CancelFor(call.open->caller, *task);
  result.status = status.ok() ? arrow::flight::CancelStatus::kCancelled
                              : arrow::flight::CancelStatus::kNotCancellable;
  return result.SerializeToString();
}

arrow::Result<std::string> RenewFlightEndpoint(const ActionCall& call) {
  auto request = arrow::flight::RenewFlightEndpointRequest::Deserialize(call.body);
  if (!request.ok()) {
    return MakeError(ErrorCode::kBadArgument, "the body is no RenewFlightEndpointRequest message");
  }
  auto ticket = ParseTicket(request->endpoint.ticket.ticket);
  ARROW_RETURN_NOT_OK(ticket.status());
  if (std::holds_alternative<RawTicket>(*ticket)) return FlightMethods::NotHandled();
  auto endpoint = request->endpoint;
  if (auto* reference = std::get_if<TaskTicket>(&*ticket)) {
    ARROW_ASSIGN_OR_RAISE(auto task, FindTask(call, reference->task));
    endpoint.expiration_time =
        std::chrono::time_point_cast<arrow::flight::Timestamp::duration>(task->Renew());
    return endpoint.SerializeToString();
  }
  return MakeError(ErrorCode::kBadArgument,
                   "a stored flight lives as long as its ttl says and cannot be renewed",
                   "Put it again with ifExists REPLACE and a longer ttlSec.");
}

const std::vector<ActionEntry>& Actions() {
  static const std::vector<ActionEntry> actions = {
      {{"HealthCheck", "Whether this node can serve."}, Messages(HealthCheck)},
      {{"GetLocations",
        "Of a command, the nodes that run its service; of a path, the nodes where it may be put."},
       Messages(GetLocations)},
      {{"ListNodes", "The nodes that there are, and what runs on them."}, Messages(ListNodes)},
      {{"ListServices", "The services that there are, and the fields of their payloads."},
       Messages(ListServices)},
      {{"DescribeFlight", "What is known of a stored flight: schema, size, age, expiry."},
       Messages(DescribeFlight)},
      {{"DeleteFlights", "Deletes stored flights, by paths or below a prefix, in one step."},
       Messages(DeleteFlights)},
      {{"CancelTask", "Cancels a task by its id."}, Messages(CancelTask)},
      {{"ListTasks", "The tasks that this node knows, newest first."}, Messages(ListTasks)},
      {{"CancelFlightInfo", "Cancels the task behind a FlightInfo; Flight's own action."},
       CancelFlightInfo},
      {{"RenewFlightEndpoint", "Starts the time to live of a result anew; Flight's own action."},
       RenewFlightEndpoint},
  };
  return actions;
}

void AnswerOne(const OpenCallPtr& open, const std::string& answer) {
  // A `Result` message has the shape of a `PutResult`: field 1, bytes.
  open->call->WriteAndFinish(PutResult(*arrow::Buffer::FromString(answer)));
}

arrow::Status RunRaw(const OpenCallPtr& open, const Action& action) {
  auto status = AskMethods(*open, [&](FlightMethods& methods) {
    std::vector<Frame> frames;
    ARROW_ASSIGN_OR_RAISE(auto results, methods.DoAction(*open->call, action));
    frames.reserve(results.size());
    for (const auto& result : results) frames.push_back(PutResult(*result));
    SendFrames(open, std::move(frames));
    return arrow::Status::OK();
  });
  if (ErrorCodeOf(status) != ErrorCode::kUnsupportedService) return status;
  return MakeError(ErrorCode::kNotImplemented, "there is no action '" + action.type + "'",
                   "ListActions tells which there are.");
}

/// A node whose modules bring neither a service nor a store has nothing that Longbow's own actions
/// could be about: there, only its modules' actions are listed.
bool ListsOwnActions(const ServiceDirectory& registry) {
  return !registry.services().empty() || registry.store() != nullptr;
}

/// What ListActions answers: every name once, of those that the caller may use, and Longbow's own
/// first, as they answer first.
std::vector<ActionType> ListedActions(const OpenCall& open) {
  const ServiceDirectory& registry = *open.node->parts.registry;
  std::vector<ActionType> types;
  if (ListsOwnActions(registry)) {
    for (const auto& entry : Actions()) types.push_back(entry.type);
  }
  for (const auto& methods : registry.methods()) {
    for (auto& type : methods->ListActions()) {
      const bool known = std::any_of(types.begin(), types.end(), [&type](const ActionType& other) {
        return other.type == type.type;
      });
      if (!known) types.push_back(std::move(type));
    }
  }
  std::erase_if(types, [&open](const ActionType& type) {
    return !open.caller.permissions->MayAct(type.type);
  });
  return types;
}

}  // namespace

void ServeDoAction(OpenCallPtr open, const std::string& request) {
  auto parsed = Action::Deserialize(request);
  if (!parsed.ok()) {
    return open->Finish(MakeError(ErrorCode::kBadArgument, "the request is no Action message"));
  }
  auto action = std::make_shared<Action>(std::move(*parsed));
  auto allowed = open->caller.CheckAction(action->type);
  if (!allowed.ok()) return open->Finish(allowed);
  open->call->Annotate("action", action->type);
  AfterSync(open, [open, action] {
    RunOnPool(open, [open, action]() -> arrow::Status {
      for (const auto& entry : Actions()) {
        if (entry.type.type != action->type) continue;
        const std::string body = action->body ? action->body->ToString() : "";
        auto answer = entry.run({open, body});
        if (FlightMethods::IsNotHandled(answer.status())) break;
        ARROW_RETURN_NOT_OK(answer.status());
        AnswerOne(open, *answer);
        return arrow::Status::OK();
      }
      return RunRaw(open, *action);
    });
  });
}

void ServeListActions(OpenCallPtr open) {
  RunOnPool(open, [open]() -> arrow::Status {
    std::vector<Frame> frames;
    for (const auto& type : ListedActions(*open)) {
      ARROW_ASSIGN_OR_RAISE(auto bytes, type.SerializeToString());
      frames.push_back(Frame::FromString(std::move(bytes)));
    }
    SendFrames(open, std::move(frames));
    return arrow::Status::OK();
  });
}

}  // namespace longbow::flight
