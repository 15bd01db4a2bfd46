#include "flight/command_work.h"

#include <algorithm>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "flight/result_metadata.h"

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

/// A schema, and no rows.
class NoRows : public arrow::RecordBatchReader {
 public:
  explicit NoRows(std::shared_ptr<arrow::Schema> schema) : schema_(std::move(schema)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
};

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(const WorkParts& parts,
                                                                 const ExecuteRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto reader, parts.service->Execute(request));
  if (reader == nullptr) {
    return MakeError(ErrorCode::kInternalError,
                     "the service '" + parts.command->service + "' answered with no stream");
  }
  return ChangeMetadata(std::move(reader), parts.command->result_metadata);
}

/// Everything a command's task needs, from its start to the end of its result.
class CommandWork : public TaskWork {
 public:
  explicit CommandWork(WorkParts parts) : parts_(std::move(parts)) {}

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Start(TaskContext& context) override {
    parts_.scope->Begin(context);
    context_.emplace(context, *parts_.inputs, *parts_.scope);
    // What is stored is the whole result, whatever its first reader wants of it.
    return Execute(parts_, {parts_.command->fields, *parts_.inputs, *context_,
                            parts_.sink_path ? std::nullopt : parts_.columns});
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

class SchemaWork : public TaskWork {
 public:
  explicit SchemaWork(WorkParts parts) : parts_(std::move(parts)) {}

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Start(TaskContext& context) override {
    parts_.scope->Begin(context);
    ServiceContext service_context(context, *parts_.inputs, *parts_.scope);
    const ExecuteRequest request{parts_.command->fields, *parts_.inputs, service_context};
    ARROW_ASSIGN_OR_RAISE(auto schema, parts_.service->GetSchema(request));
    if (schema != nullptr) {
      ARROW_ASSIGN_OR_RAISE(schema, ChangeMetadata(schema, parts_.command->result_metadata));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto reader, Execute(parts_, request));
      schema = reader->schema();
    }
    return std::make_unique<NoRows>(std::move(schema));
  }

  arrow::Result<std::unique_ptr<FlightPut>> BeginPut(
      const std::shared_ptr<arrow::Schema>&) override {
    return nullptr;
  }

 private:
  const WorkParts parts_;
};

}  // namespace

void TaskScope::Begin(const TaskContext& task) {
  if (auto span = telemetry::ParseTraceparent(task.traceparent(), "")) span_ = *span;
}

void TaskScope::Add(std::shared_ptr<CancelSignal> signal) {
  {
    std::lock_guard lock(mutex_);
    if (!cancelled_) {
      signals_.push_back(std::move(signal));
      return;
    }
  }
  signal->Fire();
}

void TaskScope::Remove(const std::shared_ptr<CancelSignal>& signal) {
  std::lock_guard lock(mutex_);
  std::erase(signals_, signal);
}

void TaskScope::Cancel() {
  std::vector<std::shared_ptr<CancelSignal>> signals;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    signals.swap(signals_);
  }
  for (const auto& signal : signals) signal->Fire();
}

bool TaskScope::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

ServiceContext::ServiceContext(TaskContext& task, peer::LocalInputs& inputs, TaskScope& scope)
    : task_(task), inputs_(inputs), scope_(scope) {
  SetCancelCallback(nullptr);
}

// A service may leave its callback behind, and the inputs end with this.
ServiceContext::~ServiceContext() { task_.SetCancelCallback(nullptr); }

void ServiceContext::SetCancelCallback(std::function<void()> callback) {
  task_.SetCancelCallback([this, callback = std::move(callback)] {
    inputs_.Cancel();
    scope_.Cancel();
    if (callback) callback();
  });
}

InputSchemaContext::InputSchemaContext(Parts parts)
    : parts_(std::move(parts)),
      logger_(*parts_.logger, {{"request_id", parts_.origin.request_id}}) {
  SetCancelCallback(nullptr);
  parts_.scope->Add(cancel_);
}

InputSchemaContext::~InputSchemaContext() {
  parts_.scope->Remove(cancel_);
  cancel_->SetCallback(nullptr);
}

void InputSchemaContext::SetCancelCallback(std::function<void()> callback) {
  cancel_->SetCallback([this, callback = std::move(callback)] {
    parts_.inputs.Cancel();
    if (callback) callback();
  });
}

std::string InputSchemaContext::traceparent() const {
  return telemetry::FormatTraceparent(parts_.origin.trace);
}

std::unique_ptr<TaskWork> MakeCommandWork(WorkParts parts) {
  return std::make_unique<CommandWork>(std::move(parts));
}

std::unique_ptr<TaskWork> MakeSchemaWork(WorkParts parts) {
  return std::make_unique<SchemaWork>(std::move(parts));
}

bool HasSink(const Command& command) { return command.sink.path || command.sink.cache; }

IfExists SinkIfExists(const Command& command) {
  if (command.sink.cache && command.sink.if_exists == IfExists::kError) return IfExists::kReuse;
  return command.sink.if_exists;
}

}  // namespace longbow::flight
