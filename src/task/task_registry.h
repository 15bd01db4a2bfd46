/// \file
/// Makes tasks, runs them on a fixed pool, and knows them until their time to live ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "task/task.h"
#include "task/task_observer.h"
#include "task/task_origin.h"
#include "task/worker_pool.h"

namespace longbow {

namespace telemetry {
class Tracer;
}
class Logger;

struct TaskLimits {
  int threads = 32;         ///< that run tasks; started when needed
  int spare_threads = 0;    ///< more of them, for `RunSoon` only
  int queue_length = 1024;  ///< starts that wait for a thread; more: BACKPRESSURE
  /// Of `threads`, for the tasks of one caller, and for its short work; 0: all.
  int threads_per_principal = 0;
  int queue_per_principal = 1024;  ///< of `queue_length`, for one caller
  /// Of `threads`, for the short work of callers of whom it is not known yet who they are.
  int unknown_threads = 16;
  int unknown_queue = 512;  ///< of that work, pieces that wait; more: BACKPRESSURE
  /// Known at once. The oldest that have ended and hold no result make way for new ones, whatever
  /// time they have to live; where there are none: BACKPRESSURE.
  int max_tasks = 10000;
  int64_t buffer_bytes = int64_t{8} << 20;      ///< per streaming result, that is not yet read
  int64_t repeatable_bytes = int64_t{1} << 30;  ///< kept of all repeatable results together
  /// Of all results that wait for their readers; above it new tasks: BACKPRESSURE.
  int64_t waiting_bytes = int64_t{2} << 30;
  int result_ttl_sec = 60;
};

struct TaskRequest {
  std::string service = {};  ///< for ListTasks
  std::unique_ptr<TaskWork> work = nullptr;
  bool repeatable = false;  ///< kept whole, and readable any number of times until it expires
  /// Run by a thread that will wait for it, as an input of another task: may exceed the queue.
  bool nested = false;
  TaskOrigin origin = {};
};

/// What a registry has now.
struct TaskCounts {
  int64_t known = 0;
  int64_t queued = 0;            ///< that no thread has begun
  int64_t running = 0;           ///< threads that run tasks
  int64_t repeatable_bytes = 0;  ///< kept of all repeatable results
  int64_t waiting_bytes = 0;     ///< of results that wait for their readers
  int64_t short_queued = 0;      ///< pieces of short work that no thread has begun
  int64_t unknown_queued = 0;    ///< the same, of callers who are not known yet
};

/// What tasks are made with; all outlive the registry, its tasks and their readers.
struct TaskParts {
  const Clock* clock = nullptr;
  Logger* logger = nullptr;             ///< may be null
  TaskObserver* observer = nullptr;     ///< may be null
  telemetry::Tracer* tracer = nullptr;  ///< may be null
};

/// Thread-safe.
class TaskRegistry {
 public:
  virtual ~TaskRegistry() = default;

  static std::unique_ptr<TaskRegistry> Make(const TaskLimits& limits, const TaskParts& parts);

  /// Errors: BACKPRESSURE, SHUTTING_DOWN.
  virtual arrow::Result<std::shared_ptr<Task>> Submit(TaskRequest request) = 0;
  /// Null where it is not known (any more). Touches its time to live.
  virtual std::shared_ptr<Task> Find(const std::string& id) = 0;
  /// Those that `wanted` says true of, newest first; no function: all. It must not call back.
  virtual std::vector<TaskInfo> ListIf(const std::function<bool(const Task&)>& wanted) const = 0;
  std::vector<TaskInfo> List() const { return ListIf({}); }
  virtual TaskCounts counts() const = 0;
  /// Forgets what has expired. Called every second or so by the server's timer.
  virtual void Sweep() = 0;

  /// Runs a short piece of blocking work on the pool: one call of a module, one batch of a put. The
  /// queue for those is its own, of `queue_length`, and has precedence; callers take turns. Work
  /// without an owner, of callers who are not known yet, has a queue beside it.
  /// Errors: BACKPRESSURE.
  virtual arrow::Status RunSoon(const WorkOwner& owner, std::function<void()> work) = 0;

  /// Drops results that nobody has begun to read, oldest first, until `bytes` are free; who asks
  /// for one of them is told so (RESOURCE_EXHAUSTED). Returns how many were dropped.
  virtual int64_t DropUnread(int64_t bytes) = 0;

  /// The node is stopping: refuses new tasks, and cancels (SHUTTING_DOWN) those that no thread has
  /// begun, and those whose result nobody reads yet: nobody can come for it any more.
  virtual void BeginShutdown() = 0;
  /// Tasks that are still working.
  virtual int64_t busy() const = 0;

  /// Cancels all (their error is SHUTTING_DOWN), refuses new ones, runs the short work that was
  /// accepted, and returns when no worker runs any more. Idempotent. Tasks and readers may outlive
  /// the registry.
  virtual void Shutdown() = 0;
};

}  // namespace longbow
