/// \file
/// A task: one command being executed, its result on the way to who reads it.
///
/// The life of a task:
///   1. `TaskRegistry::Submit` makes it and queues its start; a full queue is BACKPRESSURE.
///   2. A worker runs `TaskWork::Start`, which ends when the schema is known.
///   3. With a put, a worker drives the whole stream into it and commits. Otherwise batches are
///      produced in steps: a worker pulls from the reader while the bounded buffer has room, then
///      lets go of the thread; taking a batch out queues the next step. A stalled reader holds
///      memory up to the bound, and no thread.
///   4. It ends as done, failed or cancelled. The registry forgets it `result_ttl` after it ended
///   (a
///      result that was not read to its end counts as ended when it was last touched).
///
/// Who waits inside a worker (an input of another task) helps: a step that no worker has begun is
/// run by the thread that waits for it, so a full pool cannot deadlock on its own children.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/clock.h>
#include <longbow/flight_store.h>
#include <longbow/principal.h>
#include <longbow/service.h>

namespace longbow {

enum class TaskState { kQueued, kStarting, kStreaming, kDone, kFailed, kCancelled };

/// `QUEUED`
std::string_view TaskStateName(TaskState state);

/// What a task executes. Used by one thread at a time, destroyed after the reader it gave.
class TaskWork {
 public:
  virtual ~TaskWork() = default;
  virtual arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Start(TaskContext& context) = 0;
  /// Called once the schema is known, if the result is to be stored. Null: it is not.
  virtual arrow::Result<std::unique_ptr<FlightPut>> BeginPut(
      const std::shared_ptr<arrow::Schema>& schema) = 0;
};

/// For ListTasks.
struct TaskInfo {
  std::string id;
  std::string service;
  TaskState state = TaskState::kQueued;
  double progress = 0;  ///< from 0 to 1
  WallTime created;
  int64_t rows = 0;         ///< produced so far
  int64_t bytes = 0;        ///< produced so far
  bool repeatable = false;  ///< can be read any number of times until it expires
  std::string principal;    ///< the name of who sent the command
  std::string waits_for;    ///< a sentence, of one that does not go on now; empty of one that does
};

/// How long a task has waited and run.
struct TaskTimes {
  std::chrono::nanoseconds queued{0};  ///< until a thread began it
  std::chrono::nanoseconds run{0};     ///< from there until its outcome was known, or until now
};

/// Thread-safe. Callbacks run on the thread that makes the event, or at once; they must not block.
class Task {
 public:
  virtual ~Task() = default;

  virtual const std::string& id() const = 0;
  virtual TaskInfo info() const = 0;
  virtual TaskTimes times() const = 0;
  /// Who sent the command; never null.
  virtual const std::shared_ptr<const Principal>& principal() const = 0;
  /// Somebody else has sent the same command, and waits for its result, too.
  virtual void ShareWith(const std::string& principal) = 0;
  /// Whether one of that name has sent the command.
  virtual bool BelongsTo(std::string_view principal) const = 0;

  /// What GetFlightInfo waits for. Set once it is known.
  struct Outcome {
    std::shared_ptr<arrow::Schema> schema;
    /// Of a result that was stored.
    std::optional<StoredFlightInfo> stored;
    /// Rows and bytes where the result is complete, else -1.
    int64_t rows = -1;
    int64_t bytes = -1;
  };
  /// `callback` gets the outcome when the schema is known (of a result to store: when it is
  /// stored), or the error. Returns an id for `RemoveWaiter`.
  virtual int64_t AddWaiter(std::function<void(const arrow::Result<Outcome>&)> callback) = 0;
  /// Forgets a waiter; false if its callback has run or is running.
  virtual bool RemoveWaiter(int64_t id) = 0;
  /// Blocks for the outcome, running the start itself where no worker has begun it.
  virtual arrow::Result<Outcome> Wait() = 0;
  /// Runs the start here if no thread has begun it, and says whether it did. For who waits in a way
  /// of its own on a worker.
  virtual bool Help() = 0;

  /// Opens the result for reading. A single-use result can be opened once:
  /// COMMAND_RESULT_CONSUMED after that. Errors: the task's own, once it is known; INVALID_TICKET
  /// for a result that was stored. A task does not expire while a reader is open.
  class Reader {
   public:
    /// Of a single-use result not read to its end: cancels the task. A callback that waits is
    /// called.
    virtual ~Reader() = default;
    virtual std::shared_ptr<arrow::Schema> schema() const = 0;
    /// Delivers the next batch, null at the end, or the task's error. One at a time; the callback
    /// may call it again, and may destroy the reader.
    virtual void Next(
        std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback) = 0;
    /// The same, blocking and helping.
    virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextBlocking() = 0;
  };
  /// After the outcome is known.
  virtual arrow::Result<std::unique_ptr<Reader>> OpenReader() = 0;

  /// Cancels. Waiters and readers get COMMAND_CANCELLED; nothing is stored.
  /// A single-use result that was not read to its end can still be cancelled, which frees it.
  /// Errors: COMMAND_CANCEL_NOT_POSSIBLE when it has ended, or its commit has begun.
  virtual arrow::Status Cancel() = 0;

  /// When the registry will forget it, as far as that is known: now plus its time to live.
  virtual WallTime expires() const = 0;
  /// Starts its time to live anew.
  virtual WallTime Renew() = 0;
};

}  // namespace longbow
