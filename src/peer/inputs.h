/// \file
/// The inputs of a command, read in this process without a copy.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_store.h>
#include <longbow/service.h>

#include "task/task.h"

namespace longbow::peer {

/// A stored flight.
struct StoredInput {
  std::shared_ptr<const StoredFlight> flight;
};

/// What a command came to: a task that makes the data, or a flight that was there.
struct CommandResult {
  std::shared_ptr<Task> task;
  std::shared_ptr<const StoredFlight> flight;
  /// Nobody else has the task: it is cancelled with these inputs.
  bool own = true;
};

/// The result of another command; started when it is first needed.
struct CommandInput {
  /// Starts it, and does not wait for it; called at most once. Errors: the command's.
  std::function<arrow::Result<CommandResult>(std::optional<std::vector<std::string>> columns)> run;
  /// The schema without running; null where that cannot be told. May block.
  std::function<arrow::Result<std::shared_ptr<arrow::Schema>>()> schema;
  /// The flight that the command's task stored; null where it is gone.
  std::function<std::shared_ptr<const StoredFlight>(const StoredFlightInfo&)> find_stored;
};

/// What a client sends, readable once.
struct StreamInput {
  std::shared_ptr<arrow::RecordBatchReader> reader;
};

using InputOrigin = std::variant<StoredInput, CommandInput, StreamInput>;

/// Thread-safe, as `Inputs` is.
///
/// A command is started when it is opened, so that it need not make columns that nobody wants, or
/// when its schema is asked for and cannot be told without it. In the latter case all others of
/// that kind are started too, and run side by side.
///
/// Destroying it cancels what still runs for these inputs alone; so the readers that it opened are
/// of no use any more.
class LocalInputs : public Inputs {
 public:
  static std::unique_ptr<LocalInputs> Make(std::map<std::string, InputOrigin> origins);

  /// Cancels what runs for these inputs alone, and wakes up who waits for a task that others wait
  /// for too. Whoever uses an input that is not there yet gets COMMAND_CANCELLED. Does not block.
  virtual void Cancel() = 0;
};

}  // namespace longbow::peer
