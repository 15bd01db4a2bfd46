/// \file
/// Who watches tasks: for metrics.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "task/task.h"

namespace longbow {

/// How a task ended.
struct TaskEnd {
  TaskState state = TaskState::kDone;
  bool expired = false;  ///< Nobody had come for its result in time.
  /// Since a thread began it; nothing for one that ended before.
  std::optional<std::chrono::nanoseconds> run = {};
  std::chrono::nanoseconds total{0};
};

/// Thread-safe; called with a task's lock held, so it must neither block nor call the task.
class TaskObserver {
 public:
  virtual ~TaskObserver() = default;
  virtual void OnQueued(const std::string& service) = 0;
  /// A thread has begun it, `waited` after it was queued.
  virtual void OnStarted(const std::string& service, std::chrono::nanoseconds waited) = 0;
  virtual void OnEnded(const std::string& service, const TaskEnd& end) = 0;
};

}  // namespace longbow
