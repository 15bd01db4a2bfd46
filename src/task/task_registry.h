/// \file
/// Makes tasks, runs them on a fixed pool, and knows them until their time to live ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include "task/task.h"

namespace longbow {

class Logger;

struct TaskLimits {
  int threads = 32;         ///< that run tasks; started when needed
  int spare_threads = 0;    ///< more of them, for `RunSoon` only
  int queue_length = 1024;  ///< starts that wait for a thread; more: BACKPRESSURE
  /// Known at once. The oldest that have ended and hold no result make way for new ones, whatever
  /// time they have to live; where there are none: BACKPRESSURE.
  int max_tasks = 10000;
  int64_t buffer_bytes = int64_t{8} << 20;      ///< per streaming result, that is not yet read
  int64_t repeatable_bytes = int64_t{1} << 30;  ///< kept of all repeatable results together
  int result_ttl_sec = 60;
};

struct TaskRequest {
  std::string service;  ///< for ListTasks
  std::unique_ptr<TaskWork> work;
  bool repeatable = false;  ///< kept whole, and readable any number of times until it expires
  /// Run by a thread that will wait for it, as an input of another task: may exceed the queue.
  bool nested = false;
};

/// Thread-safe.
class TaskRegistry {
 public:
  virtual ~TaskRegistry() = default;

  /// `clock` and `logger` outlive it, its tasks and their readers.
  static std::unique_ptr<TaskRegistry> Make(const TaskLimits& limits, const Clock* clock,
                                            Logger* logger);

  /// Errors: BACKPRESSURE, SHUTTING_DOWN.
  virtual arrow::Result<std::shared_ptr<Task>> Submit(TaskRequest request) = 0;
  /// Null where it is not known (any more). Touches its time to live.
  virtual std::shared_ptr<Task> Find(const std::string& id) = 0;
  /// Newest first.
  virtual std::vector<TaskInfo> List() const = 0;
  /// Forgets what has expired. Called every second or so by the server's timer.
  virtual void Sweep() = 0;

  /// Runs a short piece of blocking work on the pool: one call of a module, one batch of a put. The
  /// queue for those is its own, of `queue_length`, and has precedence. Errors: BACKPRESSURE.
  virtual arrow::Status RunSoon(std::function<void()> work) = 0;

  /// Cancels all (their error is SHUTTING_DOWN), refuses new ones, runs the short work that was
  /// accepted, and returns when no worker runs any more. Idempotent. Tasks and readers may outlive
  /// the registry.
  virtual void Shutdown() = 0;
};

}  // namespace longbow
