#include "flight/command_runner.h"

#include <algorithm>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "base/base64.h"
#include "flight/read_grants.h"
#include "flight/result_metadata.h"
#include "payload/field_check.h"
#include "peer/inputs.h"
#include "telemetry/trace.h"

namespace longbow::flight {
namespace {

/// A command that no other principal's is equal to: no service's name has such characters. Not to
/// be run, but to be told apart.
Command OwnCommand(const Command& command, const Caller& caller) {
  Command own = command;
  own.service += '\n' + EncodeBase64(caller.origin.principal->name);
  return own;
}

/// The error of something below an input.
arrow::Status AtInput(const std::string& name, const arrow::Status& status) {
  const ErrorDetail* detail = ErrorDetailOf(status);
  return MakeError(ErrorCodeOf(status), "input '" + name + "': " + status.message(),
                   detail ? detail->detail() : "", detail ? detail->body() : "");
}

}  // namespace

std::optional<KnownSchemas::Schema> KnownSchemas::Find(
    const std::shared_ptr<const Command>& command) const {
  std::lock_guard lock(mutex_);
  const auto found = schemas_.find(command);
  return found == schemas_.end() ? std::nullopt : std::optional(found->second);
}

void KnownSchemas::Add(std::shared_ptr<const Command> command, Schema schema) {
  std::lock_guard lock(mutex_);
  schemas_.emplace(std::move(command), std::move(schema));
}

arrow::Result<std::shared_ptr<Service>> CommandRunner::FindChecked(const Command& command,
                                                                   const Caller& caller) const {
  const ServiceDirectory& registry = *node_->parts.registry;
  ARROW_RETURN_NOT_OK(caller.CheckRun(command.service));
  auto service = registry.FindService(command.service);
  if (!service) {
    const std::string near = registry.NearestService(command.service);
    const bool may_know = !near.empty() && caller.CheckRun(near).ok();
    return MakeError(
        ErrorCode::kUnsupportedService,
        "there is no service '" + command.service + "' on this node",
        may_know ? "Did you mean '" + near + "'?" : "ListServices tells which there are.");
  }
  if (!command.node.empty() && command.node != node_->options.node_id) {
    return MakeError(ErrorCode::kBadRequest,
                     "the command is for node '" + command.node + "', and this is '" +
                         node_->options.node_id + "'",
                     "Leave the node out, or ask that node.");
  }
  ARROW_RETURN_NOT_OK(CheckFields(service->description(), command));
  return service;
}

arrow::Status CommandRunner::CheckSink(const Command& command, const Caller& caller) const {
  if (HasSink(command) && !node_->parts.registry->store()) {
    return MakeError(ErrorCode::kNotImplemented,
                     "the command has a sink, and this node stores no flights",
                     "Load the module storage, or leave the sink's path out.");
  }
  // The path of a cache follows from the command, whose every part the caller may run and read.
  if (!command.sink.path) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(CheckNotCachePath(*command.sink.path));
  ARROW_RETURN_NOT_OK(caller.CheckWrite(*command.sink.path));
  // What is there already would be the answer.
  if (SinkIfExists(command) != IfExists::kReuse) return arrow::Status::OK();
  return caller.CheckRead(*command.sink.path);
}

bool CommandRunner::DependsOnPrincipal(const Command& command) const {
  const auto service = node_->parts.registry->FindService(command.service);
  if (service && service->description().depends_on_principal) return true;
  return std::any_of(command.inputs.begin(), command.inputs.end(), [this](const auto& input) {
    auto* nested = std::get_if<std::shared_ptr<const Command>>(&input.second);
    return nested != nullptr && DependsOnPrincipal(**nested);
  });
}

std::optional<FlightPath> CommandRunner::SinkPath(const Command& command,
                                                  const Caller& caller) const {
  if (command.sink.path) return command.sink.path;
  if (!command.sink.cache) return std::nullopt;
  return CachePath(DependsOnPrincipal(command) ? OwnCommand(command, caller) : command);
}

std::string CommandRunner::MakingKey(const FlightPath& path, const Command& command,
                                     const Caller& caller) const {
  const bool own = DependsOnPrincipal(command);
  return path.ToString() + '\n' +
         CanonicalText(own ? OwnCommand(command, caller) : command, /*with_sink=*/true);
}

arrow::Status CommandRunner::CheckTree(const Command& command, const Caller& caller) const {
  ARROW_RETURN_NOT_OK(FindChecked(command, caller).status());
  ARROW_RETURN_NOT_OK(CheckSink(command, caller));
  for (const auto& [name, source] : command.inputs) {
    if (auto* nested = std::get_if<std::shared_ptr<const Command>>(&source)) {
      auto status = CheckTree(**nested, caller);
      if (!status.ok()) return AtInput(name, status);
    } else if (auto* path = std::get_if<FlightPath>(&source)) {
      if (auto allowed = caller.CheckRead(*path); !allowed.ok()) return AtInput(name, allowed);
      auto store = node_->parts.registry->store();
      if (!store || !store->Find(*path)) {
        return MakeError(ErrorCode::kNotFound,
                         "input '" + name + "': there is no flight at '" + path->ToString() + "'");
      }
    }
  }
  return arrow::Status::OK();
}

arrow::Result<Execution> CommandRunner::Run(std::shared_ptr<const Command> command,
                                            RunOptions options) {
  ARROW_RETURN_NOT_OK(CheckTree(*command, options.caller));
  // Of what has begun, the parts may go on.
  if (!options.nested) ARROW_RETURN_NOT_OK(CheckMemory(*node_));
  auto path = SinkPath(*command, options.caller);
  if (!path) return Submit(command, std::move(options), std::nullopt);
  return RunWithSink(command, std::move(options), *path);
}

arrow::Result<Execution> CommandRunner::RunWithSink(const std::shared_ptr<const Command>& command,
                                                    RunOptions options, const FlightPath& path) {
  auto store = node_->parts.registry->store();
  const IfExists if_exists = SinkIfExists(*command);
  const std::string key = MakingKey(path, *command, options.caller);
  // One lock over look and submission, so that of identical commands one runs.
  std::unique_lock lock(mutex_);
  if (auto making = making_.find(key); making != making_.end()) {
    if (auto task = making->second.lock()) {
      task->ShareWith(options.caller.origin.principal->name);
      if (options.nested) interest_[task->id()].kept = true;
      return Execution{std::move(task), nullptr};
    }
  }
  if (auto stored = store->Find(path); stored && if_exists != IfExists::kReplace) {
    if (if_exists == IfExists::kReuse) return Execution{nullptr, std::move(stored)};
    return MakeError(ErrorCode::kAlreadyExists,
                     "there is a flight at '" + path.ToString() + "' already",
                     "Give the sink ifExists REUSE or REPLACE, or take another path.");
  }
  const bool nested = options.nested;
  ARROW_ASSIGN_OR_RAISE(auto execution, Submit(command, std::move(options), path));
  making_[key] = execution.task;
  // The command around it waits, whatever others do who ask for the same and leave.
  if (nested) interest_[execution.task->id()].kept = true;
  lock.unlock();
  std::weak_ptr<Task> weak = execution.task;
  execution.task->AddWaiter([this, key, weak,
                             id = execution.task->id()](const arrow::Result<Task::Outcome>&) {
    std::lock_guard relock(mutex_);
    interest_.erase(id);
    auto it = making_.find(key);
    // By now another run of the same command may have taken the place.
    if (it != making_.end() && !it->second.owner_before(weak) && !weak.owner_before(it->second)) {
      making_.erase(it);
    }
  });
  return execution;
}

arrow::Result<WorkParts> CommandRunner::MakeWorkParts(const std::shared_ptr<const Command>& command,
                                                      const RunOptions& options) {
  WorkParts parts;
  parts.node = node_;
  parts.command = command;
  ARROW_ASSIGN_OR_RAISE(parts.service, FindChecked(*command, options.caller));
  parts.scope = std::make_shared<TaskScope>();
  ARROW_ASSIGN_OR_RAISE(parts.inputs, MakeInputs(*command, options, parts.scope));
  return parts;
}

arrow::Result<Execution> CommandRunner::Submit(const std::shared_ptr<const Command>& command,
                                               RunOptions options,
                                               std::optional<FlightPath> sink_path) {
  ARROW_ASSIGN_OR_RAISE(auto parts, MakeWorkParts(command, options));
  parts.columns = std::move(options.columns);
  parts.sink_path = std::move(sink_path);
  TaskRequest request{.service = command->service,
                      .work = MakeCommandWork(std::move(parts)),
                      .repeatable = command->sink.repeatable,
                      .nested = options.nested,
                      .origin = options.caller.origin};
  ARROW_ASSIGN_OR_RAISE(auto task, node_->parts.tasks->Submit(std::move(request)));
  return Execution{std::move(task), nullptr};
}

arrow::Result<std::unique_ptr<peer::LocalInputs>> CommandRunner::MakeInputs(
    const Command& command, const RunOptions& options, std::shared_ptr<TaskScope> scope) {
  RunOptions nested;
  nested.scope = std::move(scope);
  nested.nested = true;
  nested.caller = options.caller;
  nested.known_schemas =
      options.known_schemas ? options.known_schemas : std::make_shared<KnownSchemas>();
  std::map<std::string, peer::InputOrigin> origins;
  for (const auto& [name, source] : command.inputs) {
    if (auto* path = std::get_if<FlightPath>(&source)) {
      auto flight = node_->parts.registry->store()->Find(*path);
      if (!flight) {
        return MakeError(ErrorCode::kNotFound,
                         "input '" + name + "': there is no flight at '" + path->ToString() + "'");
      }
      origins.emplace(name, peer::StoredInput{std::move(flight)});
    } else {
      origins.emplace(name,
                      NestedInput(name, std::get<std::shared_ptr<const Command>>(source), nested));
    }
  }
  if (options.exchange) origins.emplace("input", peer::StreamInput{options.exchange});
  return peer::LocalInputs::Make(std::move(origins));
}

// The span goes from the opening of the input until its outcome is known.
arrow::Result<Execution> CommandRunner::RunInput(const std::string& name,
                                                 const std::shared_ptr<const Command>& command,
                                                 RunOptions options) {
  auto span = std::make_shared<telemetry::Span>();
  const telemetry::TraceContext& outer = options.scope->span();
  if (outer.valid() && node_->parts.tracer != nullptr) {
    *span = node_->parts.tracer->Start({.name = "input", .parent = &outer});
    span->SetAttribute("longbow.input", name);
    options.caller.origin.trace = span->context();
  }
  auto execution = Run(command, std::move(options));
  if (!execution.ok()) {
    span->SetError(ErrorName(ErrorCodeOf(execution.status())));
  } else if (execution->task && span->recording()) {
    execution->task->AddWaiter([span](const arrow::Result<Task::Outcome>&) { span->End(); });
  }
  return execution;
}

peer::CommandInput CommandRunner::NestedInput(const std::string& name,
                                              std::shared_ptr<const Command> command,
                                              RunOptions options) {
  peer::CommandInput input;
  input.run =
      [this, name, command, options](
          std::optional<std::vector<std::string>> columns) -> arrow::Result<peer::CommandResult> {
    RunOptions with_columns = options;
    with_columns.columns = std::move(columns);
    auto execution = RunInput(name, command, std::move(with_columns));
    if (!execution.ok()) return AtInput(name, execution.status());
    // A task with a sink may be others' as well.
    return peer::CommandResult{execution->task, execution->reused, !HasSink(*command)};
  };
  input.schema = [this, command, options] { return TellNestedSchema(command, options); };
  input.find_stored = [this](const StoredFlightInfo& info) {
    return node_->parts.registry->store()->Find(info.path, info.revision);
  };
  return input;
}

std::shared_ptr<arrow::Schema> CommandRunner::ReusedSchema(const Command& command,
                                                           const Caller& caller) const {
  const auto path = SinkPath(command, caller);
  if (!path || SinkIfExists(command) != IfExists::kReuse) return nullptr;
  auto stored = node_->parts.registry->store()->Find(*path);
  return stored ? stored->info().schema : nullptr;
}

arrow::Result<std::shared_ptr<arrow::Schema>> CommandRunner::TellSchema(const Command& command,
                                                                        const RunOptions& options) {
  if (auto schema = ReusedSchema(command, options.caller)) return schema;
  ARROW_ASSIGN_OR_RAISE(auto service, FindChecked(command, options.caller));
  ARROW_ASSIGN_OR_RAISE(auto inputs, MakeInputs(command, options, options.scope));
  InputSchemaContext context({.origin = options.caller.origin,
                              .logger = node_->parts.logger,
                              .scope = options.scope,
                              .inputs = *inputs});
  ExecuteRequest request{command.fields, *inputs, context};
  ARROW_ASSIGN_OR_RAISE(auto schema, service->GetSchema(request));
  if (!schema) return schema;
  return ChangeMetadata(schema, command.result_metadata);
}

arrow::Result<std::shared_ptr<arrow::Schema>> CommandRunner::TellNestedSchema(
    const std::shared_ptr<const Command>& command, const RunOptions& options) {
  if (auto known = options.known_schemas->Find(command)) return *std::move(known);
  if (options.scope->cancelled()) {
    return MakeError(ErrorCode::kCommandCancelled, "the command was cancelled");
  }
  auto schema = TellSchema(*command, options);
  // What was cancelled is not known to be wrong, and what cannot be told is known when it runs.
  const bool is_known = schema.ok() ? *schema != nullptr
                                    : ErrorCodeOf(schema.status()) != ErrorCode::kCommandCancelled;
  if (is_known) options.known_schemas->Add(command, schema);
  return schema;
}

arrow::Result<SchemaExecution> CommandRunner::FindSchema(
    const std::shared_ptr<const Command>& command, const RunOptions& options) {
  ARROW_RETURN_NOT_OK(CheckTree(*command, options.caller));
  if (auto schema = ReusedSchema(*command, options.caller))
    return SchemaExecution{std::move(schema), nullptr};
  ARROW_RETURN_NOT_OK(CheckMemory(*node_));
  ARROW_ASSIGN_OR_RAISE(auto parts, MakeWorkParts(command, options));
  TaskRequest request{.service = command->service,
                      .work = MakeSchemaWork(std::move(parts)),
                      .origin = options.caller.origin};
  ARROW_ASSIGN_OR_RAISE(auto task, node_->parts.tasks->Submit(std::move(request)));
  return SchemaExecution{nullptr, std::move(task)};
}

void CommandRunner::Note(const std::shared_ptr<Task>& task,
                         const std::function<void(Interest&)>& change) {
  bool is_new = false;
  {
    std::lock_guard lock(mutex_);
    auto [it, inserted] = interest_.try_emplace(task->id());
    change(it->second);
    is_new = inserted;
  }
  if (!is_new) return;
  // Once the outcome is there nobody waits, and nothing is abandoned.
  task->AddWaiter([this, id = task->id()](const arrow::Result<Task::Outcome>&) {
    std::lock_guard lock(mutex_);
    interest_.erase(id);
  });
}

void CommandRunner::Attach(const std::shared_ptr<Task>& task) {
  Note(task, [](Interest& interest) { ++interest.waiting; });
}

void CommandRunner::Keep(const std::shared_ptr<Task>& task) {
  Note(task, [](Interest& interest) { interest.kept = true; });
}

void CommandRunner::Detach(const std::shared_ptr<Task>& task, bool abandon) {
  {
    std::lock_guard lock(mutex_);
    auto it = interest_.find(task->id());
    if (it == interest_.end()) return;
    --it->second.waiting;
    if (!abandon || it->second.waiting > 0 || it->second.kept) return;
    interest_.erase(it);
  }
  auto cancelled = task->Cancel();
  if (!cancelled.ok()) {
    node_->parts.logger->Debug("a task that nobody waits for has ended by itself",
                               {{"task", task->id()}});
  }
}

}  // namespace longbow::flight
