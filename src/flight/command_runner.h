/// \file
/// Turns commands into tasks: services found, fields checked, inputs resolved, sinks reused.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "flight/command_work.h"
#include "flight/node_context.h"
#include "payload/command.h"
#include "peer/inputs.h"
#include "task/task.h"

namespace longbow::flight {

/// What a command came to.
struct Execution {
  /// The task that makes the result; null where the flight was there already.
  std::shared_ptr<Task> task;
  /// The flight that was there already (`ifExists: REUSE`, `cache: true`); null where a task runs.
  std::shared_ptr<const StoredFlight> reused;
};

/// What the question for a command's schema came to.
struct SchemaExecution {
  /// Null where a task finds it out.
  std::shared_ptr<arrow::Schema> schema;
  /// Its outcome will have the schema, and its result has no rows; null where the schema is known.
  std::shared_ptr<Task> task;
};

/// The schemas of commands within one command, each told once, and so are errors: a service asks
/// its inputs for theirs and those ask theirs in turn, when it is asked itself and again when it
/// runs. Thread-safe; nothing blocks.
class KnownSchemas {
 public:
  using Schema = arrow::Result<std::shared_ptr<arrow::Schema>>;
  /// Nothing where it is not known.
  std::optional<Schema> Find(const std::shared_ptr<const Command>& command) const;
  void Add(std::shared_ptr<const Command> command, Schema schema);

 private:
  mutable std::mutex mutex_;
  std::map<std::shared_ptr<const Command>, Schema> schemas_;
};

/// How to run a command.
struct RunOptions {
  /// An input of another task: it may exceed the queue.
  bool nested = false;
  /// What `ExecuteRequest::columns` says.
  std::optional<std::vector<std::string>> columns;
  /// The input named `input` of an exchange.
  std::shared_ptr<arrow::RecordBatchReader> exchange;
  /// Of the command that this one is an input of; null: it is none.
  std::shared_ptr<KnownSchemas> known_schemas;
  /// On whose behalf; must be set.
  Caller caller;
  /// Of an input: the task that it is an input of; null: it is none.
  std::shared_ptr<TaskScope> scope;
};

/// Thread-safe. Nothing blocks.
class CommandRunner {
 public:
  explicit CommandRunner(NodeContext* node) : node_(node) {}

  /// Checks the command and everything below it, then starts it, finds its result, or joins the
  /// task that is making it already.
  ///
  /// Who waits for the task calls `Attach`, and `Detach` when it goes away.
  arrow::Result<Execution> Run(std::shared_ptr<const Command> command, RunOptions options);

  /// The service of a command, whose own fields are checked. Errors: PERMISSION_DENIED,
  /// UNSUPPORTED_SERVICE, BAD_REQUEST (another node), BAD_ARGUMENT naming the field.
  arrow::Result<std::shared_ptr<Service>> FindChecked(const Command& command,
                                                      const Caller& caller) const;

  /// The schema of the command's result, or the task that finds it out: its service tells, and
  /// where it cannot, the command runs until the schema is known, and no further. Checks and limits
  /// are those of `Run`, and who waits for the task does as there.
  arrow::Result<SchemaExecution> FindSchema(const std::shared_ptr<const Command>& command,
                                            const RunOptions& options);

  /// One more call waits for the task.
  void Attach(const std::shared_ptr<Task>& task);
  /// A call does not wait any more. With `abandon`, the task is cancelled if nobody else waits for
  /// it and nobody was promised that it goes on.
  void Detach(const std::shared_ptr<Task>& task, bool abandon);
  /// Somebody was promised that the task goes on without a call that waits (an answer `POLL`).
  void Keep(const std::shared_ptr<Task>& task);

 private:
  struct Interest {
    int64_t waiting = 0;
    bool kept = false;
  };

  /// Changes what is known of who waits for the task.
  void Note(const std::shared_ptr<Task>& task, const std::function<void(Interest&)>& change);
  /// Checks the command and everything below it, at each level as the same caller's.
  arrow::Status CheckTree(const Command& command, const Caller& caller) const;
  arrow::Status CheckSink(const Command& command, const Caller& caller) const;
  /// Whether the result is another one for each principal: the command's service says so, or that
  /// of one within it.
  bool DependsOnPrincipal(const Command& command) const;
  /// The path at which the command's result is stored, if it is.
  std::optional<FlightPath> SinkPath(const Command& command, const Caller& caller) const;
  /// What tells the making of a stored result from others.
  std::string MakingKey(const FlightPath& path, const Command& command, const Caller& caller) const;
  /// \param scope of the task that reads them
  arrow::Result<std::unique_ptr<peer::LocalInputs>> MakeInputs(const Command& command,
                                                               const RunOptions& options,
                                                               std::shared_ptr<TaskScope> scope);
  arrow::Result<Execution> RunInput(const std::string& name,
                                    const std::shared_ptr<const Command>& command,
                                    RunOptions options);
  peer::CommandInput NestedInput(const std::string& name, std::shared_ptr<const Command> command,
                                 RunOptions options);
  /// The schema of what a flight that is there already would answer; null where there is none.
  std::shared_ptr<arrow::Schema> ReusedSchema(const Command& command, const Caller& caller) const;
  /// The schema of an input without running it; null where that cannot be told. Blocks as its
  /// service does, on the thread of the task that asks.
  arrow::Result<std::shared_ptr<arrow::Schema>> TellSchema(const Command& command,
                                                           const RunOptions& options);
  /// The same, from `known_schemas` if it is there.
  arrow::Result<std::shared_ptr<arrow::Schema>> TellNestedSchema(
      const std::shared_ptr<const Command>& command, const RunOptions& options);
  /// What the command's task is made of, beside a sink.
  arrow::Result<WorkParts> MakeWorkParts(const std::shared_ptr<const Command>& command,
                                         const RunOptions& options);
  arrow::Result<Execution> Submit(const std::shared_ptr<const Command>& command, RunOptions options,
                                  std::optional<FlightPath> sink_path);
  arrow::Result<Execution> RunWithSink(const std::shared_ptr<const Command>& command,
                                       RunOptions options, const FlightPath& path);

  NodeContext* node_;
  std::mutex mutex_;
  /// Tasks that are making a stored flight, by path and canonical command.
  std::unordered_map<std::string, std::weak_ptr<Task>> making_;
  std::unordered_map<std::string, Interest> interest_;
};

}  // namespace longbow::flight
