/// \file
/// What a task's work sees of the task.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "task/pooled_task.h"
#include "telemetry/bound_logger.h"

namespace longbow {

/// Part of its task. Thread-safe.
class PooledTask::Context final : public TaskContext {
 public:
  explicit Context(PooledTask* task) : task_(task) {}
  const std::string& task_id() const override { return task_->id_; }
  bool cancelled() const override { return task_->cancel_.fired(); }
  void SetCancelCallback(std::function<void()> callback) override;
  void SetProgress(double fraction) override;
  const Principal& principal() const override { return *task_->origin_.principal; }
  std::string traceparent() const override;
  Logger& logger() const override;

 private:
  PooledTask* const task_;
  // Most tasks log nothing.
  mutable std::once_flag logger_made_;
  mutable std::optional<telemetry::BoundLogger> logger_;
};

}  // namespace longbow
