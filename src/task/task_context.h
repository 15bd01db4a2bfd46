/// \file
/// What a task's work sees of the task.
#pragma once

#include <functional>
#include <string>

#include "task/pooled_task.h"

namespace longbow {

/// Part of its task. Thread-safe.
class PooledTask::Context final : public TaskContext {
 public:
  explicit Context(PooledTask* task) : task_(task) {}
  const std::string& task_id() const override { return task_->id_; }
  bool cancelled() const override { return task_->cancel_.fired(); }
  void SetCancelCallback(std::function<void()> callback) override;
  void SetProgress(double fraction) override;

 private:
  PooledTask* const task_;
};

}  // namespace longbow
