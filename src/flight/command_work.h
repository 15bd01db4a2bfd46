/// \file
/// What the task of a command executes: its service, with its inputs, and what those know of the
/// task.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <longbow/service.h>

#include "flight/node_context.h"
#include "payload/command.h"
#include "peer/inputs.h"
#include "task/cancel_signal.h"
#include "task/task.h"
#include "telemetry/bound_logger.h"
#include "telemetry/trace_context.h"

namespace longbow::flight {

/// A command's task as its inputs see it: what they start is a part of it, and what they tell of
/// their schemas meanwhile is cancelled with it. Thread-safe, except that `Begin` comes before the
/// inputs are used.
class TaskScope {
 public:
  void Begin(const TaskContext& task);

  /// The task's own span; invalid where there is no trace.
  const telemetry::TraceContext& span() const { return span_; }

  /// `signal` fires with the task's, or at once if that has happened.
  void Add(std::shared_ptr<CancelSignal> signal);
  void Remove(const std::shared_ptr<CancelSignal>& signal);
  /// The task is cancelled.
  void Cancel();
  bool cancelled() const;

 private:
  telemetry::TraceContext span_;
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  std::vector<std::shared_ptr<CancelSignal>> signals_;
};

/// The task as its service sees it: cancelling also reaches the inputs, in which the service may
/// wait.
class ServiceContext : public TaskContext {
 public:
  /// All outlive it.
  ServiceContext(TaskContext& task, peer::LocalInputs& inputs, TaskScope& scope);
  ~ServiceContext() override;

  const std::string& task_id() const override { return task_.task_id(); }
  bool cancelled() const override { return task_.cancelled(); }
  void SetProgress(double fraction) override { task_.SetProgress(fraction); }
  const Principal& principal() const override { return task_.principal(); }
  std::string traceparent() const override { return task_.traceparent(); }
  Logger& logger() const override { return task_.logger(); }
  void SetCancelCallback(std::function<void()> callback) override;

 private:
  TaskContext& task_;
  peer::LocalInputs& inputs_;
  TaskScope& scope_;
};

/// Stands in for the task of a command that is an input, where another task asks for its schema
/// only. It is cancelled with that task.
class InputSchemaContext : public TaskContext {
 public:
  struct Parts {
    const TaskOrigin& origin;
    Logger* logger = nullptr;
    std::shared_ptr<TaskScope> scope;  ///< of the task that asks
    peer::LocalInputs& inputs;         ///< those of the input
  };
  /// What `parts` refers to outlives it.
  explicit InputSchemaContext(Parts parts);
  ~InputSchemaContext() override;

  const std::string& task_id() const override { return id_; }
  bool cancelled() const override { return cancel_->fired(); }
  void SetCancelCallback(std::function<void()> callback) override;
  void SetProgress(double) override {}
  const Principal& principal() const override { return *parts_.origin.principal; }
  std::string traceparent() const override;
  Logger& logger() const override { return logger_; }

 private:
  const Parts parts_;
  const std::string id_ = "schema";
  mutable telemetry::BoundLogger logger_;
  const std::shared_ptr<CancelSignal> cancel_ = std::make_shared<CancelSignal>();
};

/// What a command's work is made of.
struct WorkParts {
  NodeContext* node = nullptr;
  std::shared_ptr<const Command> command;
  std::shared_ptr<Service> service;
  std::unique_ptr<peer::LocalInputs> inputs;
  std::optional<std::vector<std::string>> columns;
  std::optional<FlightPath> sink_path;
  std::shared_ptr<TaskScope> scope;  ///< that of the inputs
};

/// Runs the command.
std::unique_ptr<TaskWork> MakeCommandWork(WorkParts parts);

/// Finds out the schema of the command's result, and gives no rows: asks the service, and where
/// that cannot tell, runs the command until the schema is known, and no further.
std::unique_ptr<TaskWork> MakeSchemaWork(WorkParts parts);

/// Whether the command's result is stored.
bool HasSink(const Command& command);
/// What is to happen when it is taken: a cache reuses unless told otherwise.
IfExists SinkIfExists(const Command& command);

}  // namespace longbow::flight
