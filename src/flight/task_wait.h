/// \file
/// A call that waits for a task, without a thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "flight/node_context.h"
#include "task/task.h"

namespace longbow::flight {

/// How a wait ends where the task's outcome does not come first.
enum class WaitLimit {
  kCancelTask,  ///< The task is cancelled, unless somebody else waits for it.
  kKeepTask,    ///< The caller was told how to ask again: the task goes on.
};

/// Waits once. Exactly one of the two callbacks runs, once, on any thread, unless the client goes
/// away first; then the call is ended here.
class TaskWait : public std::enable_shared_from_this<TaskWait> {
 public:
  struct Callbacks {
    std::function<void(const arrow::Result<Task::Outcome>&)> on_outcome;
    std::function<void()> on_limit;
  };

  static void Start(OpenCallPtr open, std::shared_ptr<Task> task, MonotonicTime until,
                    WaitLimit limit, Callbacks callbacks);

 private:
  TaskWait(OpenCallPtr open, std::shared_ptr<Task> task, WaitLimit limit, Callbacks callbacks)
      : open_(std::move(open)),
        task_(std::move(task)),
        limit_(limit),
        callbacks_(std::move(callbacks)) {}

  /// True for the first that ends the wait.
  bool Claim();
  void OnOutcome(const arrow::Result<Task::Outcome>& outcome);
  void OnLimit();
  void OnGone();
  void CancelTimer();
  /// Where the time went, for who looks at the call.
  void NoteTimes();

  OpenCallPtr open_;
  std::shared_ptr<Task> task_;
  WaitLimit limit_;
  Callbacks callbacks_;
  std::mutex mutex_;
  bool ended_ = false;
  int64_t timer_ = 0;
  int64_t waiter_ = 0;
};

}  // namespace longbow::flight
