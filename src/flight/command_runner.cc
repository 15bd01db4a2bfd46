#include "flight/command_runner.h"

#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "flight/read_grants.h"
#include "flight/result_metadata.h"
#include "payload/field_check.h"
#include "peer/inputs.h"
#include "telemetry/bound_logger.h"
#include "telemetry/trace.h"

namespace longbow::flight {
namespace {

/// A put of a command whose path somebody else may take first: under REUSE, theirs is the answer.
class ReusingPut : public FlightPut {
 public:
  ReusingPut(std::unique_ptr<FlightPut> put, std::shared_ptr<FlightStore> store, FlightPath path)
      : put_(std::move(put)), store_(std::move(store)), path_(std::move(path)) {}

  arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch) override {
    return put_->Append(std::move(batch));
  }

  arrow::Result<StoredFlightInfo> Commit() override {
    auto committed = put_->Commit();
    if (committed.ok() || ErrorCodeOf(committed.status()) != ErrorCode::kAlreadyExists) {
      return committed;
    }
    auto theirs = store_->Find(path_);
    if (!theirs) return committed;  // gone again
    return theirs->info();
  }

 private:
  std::unique_ptr<FlightPut> put_;
  std::shared_ptr<FlightStore> store_;
  FlightPath path_;
};

/// The task as its service sees it: cancelling also reaches the inputs, in which the service may
/// wait.
class ServiceContext : public TaskContext {
 public:
  ServiceContext(TaskContext& task, peer::LocalInputs& inputs) : task_(task), inputs_(inputs) {
    SetCancelCallback(nullptr);
  }
  // A service may leave its callback behind, and the inputs end with this.
  ~ServiceContext() override { task_.SetCancelCallback(nullptr); }

  const std::string& task_id() const override { return task_.task_id(); }
  bool cancelled() const override { return task_.cancelled(); }
  void SetProgress(double fraction) override { task_.SetProgress(fraction); }
  const Principal& principal() const override { return task_.principal(); }
  std::string traceparent() const override { return task_.traceparent(); }
  Logger& logger() const override { return task_.logger(); }
  void SetCancelCallback(std::function<void()> callback) override {
    task_.SetCancelCallback([this, callback = std::move(callback)] {
      inputs_.Cancel();
      if (callback) callback();
    });
  }

 private:
  TaskContext& task_;
  peer::LocalInputs& inputs_;
};

/// What a command's work is made of.
struct WorkParts {
  NodeContext* node;
  std::shared_ptr<const Command> command;
  std::shared_ptr<Service> service;
  std::unique_ptr<peer::LocalInputs> inputs;
  std::optional<std::vector<std::string>> columns;
  std::optional<FlightPath> sink_path;
  /// Becomes the task's own, for the inputs.
  std::shared_ptr<telemetry::TraceContext> span;
};

/// Everything a command's task needs, from its start to the end of its result.
class CommandWork : public TaskWork {
 public:
  explicit CommandWork(WorkParts parts) : parts_(std::move(parts)) {}

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Start(TaskContext& context) override {
    context_.emplace(context, *parts_.inputs);
    if (auto span = telemetry::ParseTraceparent(context.traceparent(), "")) *parts_.span = *span;
    // What is stored is the whole result, whatever its first reader wants of it.
    ExecuteRequest request{parts_.command->fields, *parts_.inputs, *context_,
                           parts_.sink_path ? std::nullopt : parts_.columns};
    ARROW_ASSIGN_OR_RAISE(auto reader, parts_.service->Execute(request));
    if (reader == nullptr) {
      return MakeError(ErrorCode::kInternalError,
                       "the service '" + parts_.command->service + "' answered with no stream");
    }
    return ChangeMetadata(std::move(reader), parts_.command->result_metadata);
  }

  arrow::Result<std::unique_ptr<FlightPut>> BeginPut(
      const std::shared_ptr<arrow::Schema>& schema) override {
    if (!parts_.sink_path) return nullptr;
    const Sink& sink = parts_.command->sink;
    const IfExists if_exists = SinkIfExists(*parts_.command);
    auto store = parts_.node->parts.registry->store();
    PutRequest request{*parts_.sink_path, schema, if_exists, sink.ttl_sec};
    if (sink.cache && !request.ttl_sec) request.ttl_sec = parts_.node->options.cache_ttl_sec;
    ARROW_ASSIGN_OR_RAISE(auto put, store->BeginPut(std::move(request)));
    if (if_exists != IfExists::kReuse) return put;
    return std::make_unique<ReusingPut>(std::move(put), std::move(store), *parts_.sink_path);
  }

 private:
  WorkParts parts_;
  std::optional<ServiceContext> context_;  // goes before the inputs that it cancels
};

std::string MakingKey(const FlightPath& path, const Command& command) {
  return path.ToString() + '\n' + CanonicalText(command, /*with_sink=*/true);
}

/// The error of something below an input.
arrow::Status AtInput(const std::string& name, const arrow::Status& status) {
  const ErrorDetail* detail = ErrorDetailOf(status);
  return MakeError(ErrorCodeOf(status), "input '" + name + "': " + status.message(),
                   detail ? detail->detail() : "", detail ? detail->body() : "");
}

/// Stands in for a task where only a schema is asked for.
class SchemaContext : public TaskContext {
 public:
  /// Both outlive it.
  SchemaContext(const TaskOrigin& origin, Logger* logger)
      : origin_(origin), logger_(*logger, {{"request_id", origin.request_id}}) {}

  const std::string& task_id() const override { return id_; }
  bool cancelled() const override { return false; }
  void SetCancelCallback(std::function<void()>) override {}
  void SetProgress(double) override {}
  const Principal& principal() const override { return *origin_.principal; }
  std::string traceparent() const override { return telemetry::FormatTraceparent(origin_.trace); }
  Logger& logger() const override { return logger_; }

 private:
  std::string id_ = "schema";
  const TaskOrigin& origin_;
  mutable telemetry::BoundLogger logger_;
};

}  // namespace

std::shared_ptr<arrow::Schema> KnownSchemas::Find(
    const std::shared_ptr<const Command>& command) const {
  std::lock_guard lock(mutex_);
  const auto found = schemas_.find(command);
  return found == schemas_.end() ? nullptr : found->second;
}

void KnownSchemas::Add(std::shared_ptr<const Command> command,
                       std::shared_ptr<arrow::Schema> schema) {
  std::lock_guard lock(mutex_);
  schemas_.emplace(std::move(command), std::move(schema));
}

std::optional<FlightPath> SinkPath(const Command& command) {
  if (command.sink.path) return command.sink.path;
  if (command.sink.cache) return CachePath(command);
  return std::nullopt;
}

IfExists SinkIfExists(const Command& command) {
  if (command.sink.cache && command.sink.if_exists == IfExists::kError) return IfExists::kReuse;
  return command.sink.if_exists;
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
  if (SinkPath(command) && !node_->parts.registry->store()) {
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
  auto path = SinkPath(*command);
  if (!path) return Submit(command, std::move(options), std::nullopt);
  return RunWithSink(command, std::move(options), *path);
}

arrow::Result<Execution> CommandRunner::RunWithSink(const std::shared_ptr<const Command>& command,
                                                    RunOptions options, const FlightPath& path) {
  auto store = node_->parts.registry->store();
  const IfExists if_exists = SinkIfExists(*command);
  const std::string key = MakingKey(path, *command);
  // One lock over look and submission, so that of identical commands one runs.
  std::unique_lock lock(mutex_);
  if (auto making = making_.find(key); making != making_.end()) {
    if (auto task = making->second.lock()) {
      task->ShareWith(options.caller.origin.principal->name);
      return Execution{std::move(task), nullptr};
    }
  }
  if (auto stored = store->Find(path); stored && if_exists != IfExists::kReplace) {
    if (if_exists == IfExists::kReuse) return Execution{nullptr, std::move(stored)};
    return MakeError(ErrorCode::kAlreadyExists,
                     "there is a flight at '" + path.ToString() + "' already",
                     "Give the sink ifExists REUSE or REPLACE, or take another path.");
  }
  ARROW_ASSIGN_OR_RAISE(auto execution, Submit(command, std::move(options), path));
  making_[key] = execution.task;
  lock.unlock();
  std::weak_ptr<Task> weak = execution.task;
  execution.task->AddWaiter([this, key, weak](const arrow::Result<Task::Outcome>&) {
    std::lock_guard relock(mutex_);
    auto it = making_.find(key);
    // By now another run of the same command may have taken the place.
    if (it != making_.end() && !it->second.owner_before(weak) && !weak.owner_before(it->second)) {
      making_.erase(it);
    }
  });
  return execution;
}

arrow::Result<Execution> CommandRunner::Submit(const std::shared_ptr<const Command>& command,
                                               RunOptions options,
                                               std::optional<FlightPath> sink_path) {
  ARROW_ASSIGN_OR_RAISE(auto service, FindChecked(*command, options.caller));
  auto span = std::make_shared<telemetry::TraceContext>();
  ARROW_ASSIGN_OR_RAISE(auto inputs, MakeInputs(*command, options, span));
  TaskRequest request;
  request.origin = options.caller.origin;
  request.service = command->service;
  request.repeatable = command->sink.repeatable;
  request.nested = options.nested;
  request.work = std::make_unique<CommandWork>(
      WorkParts{node_, command, std::move(service), std::move(inputs), std::move(options.columns),
                std::move(sink_path), std::move(span)});
  ARROW_ASSIGN_OR_RAISE(auto task, node_->parts.tasks->Submit(std::move(request)));
  return Execution{std::move(task), nullptr};
}

arrow::Result<std::unique_ptr<peer::LocalInputs>> CommandRunner::MakeInputs(
    const Command& command, const RunOptions& options,
    std::shared_ptr<const telemetry::TraceContext> span) {
  RunOptions nested;
  nested.outer_span = std::move(span);
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
  if (options.outer_span && options.outer_span->valid() && node_->parts.tracer != nullptr) {
    *span = node_->parts.tracer->Start({.name = "input", .parent = options.outer_span.get()});
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
    return peer::CommandResult{execution->task, execution->reused, !SinkPath(*command)};
  };
  input.schema = [this, command, options] { return TellNestedSchema(command, options); };
  input.find_stored = [this](const StoredFlightInfo& info) {
    return node_->parts.registry->store()->Find(info.path, info.revision);
  };
  return input;
}

arrow::Result<std::shared_ptr<arrow::Schema>> CommandRunner::TellSchema(const Command& command,
                                                                        const RunOptions& options) {
  if (auto path = SinkPath(command); path && SinkIfExists(command) == IfExists::kReuse) {
    if (auto stored = node_->parts.registry->store()->Find(*path)) return stored->info().schema;
  }
  ARROW_ASSIGN_OR_RAISE(auto service, FindChecked(command, options.caller));
  ARROW_ASSIGN_OR_RAISE(auto inputs, MakeInputs(command, options, nullptr));
  SchemaContext context(options.caller.origin, node_->parts.logger);
  ExecuteRequest request{command.fields, *inputs, context};
  ARROW_ASSIGN_OR_RAISE(auto schema, service->GetSchema(request));
  if (!schema) return schema;
  return ChangeMetadata(schema, command.result_metadata);
}

arrow::Result<std::shared_ptr<arrow::Schema>> CommandRunner::TellNestedSchema(
    const std::shared_ptr<const Command>& command, const RunOptions& options) {
  if (auto known = options.known_schemas->Find(command)) return known;
  ARROW_ASSIGN_OR_RAISE(auto schema, TellSchema(*command, options));
  if (schema) options.known_schemas->Add(command, schema);
  return schema;
}

arrow::Result<std::shared_ptr<arrow::Schema>> CommandRunner::GetSchema(
    std::shared_ptr<const Command> command, RunOptions options) {
  ARROW_RETURN_NOT_OK(CheckTree(*command, options.caller));
  ARROW_ASSIGN_OR_RAISE(auto schema, TellSchema(*command, options));
  if (schema) return schema;
  // Its service cannot tell: it runs until the schema is known, and no further.
  options.nested = true;
  ARROW_ASSIGN_OR_RAISE(auto execution, Submit(command, std::move(options), std::nullopt));
  auto outcome = execution.task->Wait();
  // It may have ended by itself.
  (void)execution.task->Cancel();
  ARROW_RETURN_NOT_OK(outcome.status());
  return outcome->schema;
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
