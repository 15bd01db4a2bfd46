#include "flight/task_wait.h"

#include <utility>

#include <longbow/error.h>

#include "flight/command_runner.h"

namespace longbow::flight {

void TaskWait::Start(OpenCallPtr open, std::shared_ptr<Task> task, MonotonicTime until,
                     WaitLimit limit, Callbacks callbacks) {
  auto self = std::shared_ptr<TaskWait>(
      new TaskWait(std::move(open), std::move(task), limit, std::move(callbacks)));
  NodeContext* node = self->open_->node;
  self->open_->call->Annotate("task", self->task_->id());
  node->runner->Attach(self->task_);
  const int64_t waiter = self->task_->AddWaiter(
      [self](const arrow::Result<Task::Outcome>& outcome) { self->OnOutcome(outcome); });
  {
    // Most small commands are done by now or soon: no timer for those that are.
    std::lock_guard lock(self->mutex_);
    if (self->ended_) return;
    self->waiter_ = waiter;
    self->timer_ = node->parts.timer->Schedule(until, [self] { self->OnLimit(); });
  }
  std::weak_ptr<TaskWait> weak = self;
  self->open_->call->SetCancelCallback([weak] {
    if (auto wait = weak.lock()) wait->OnGone();
  });
}

bool TaskWait::Claim() {
  std::lock_guard lock(mutex_);
  return !std::exchange(ended_, true);
}

void TaskWait::OnOutcome(const arrow::Result<Task::Outcome>& outcome) {
  if (!Claim()) return;
  CancelTimer();
  open_->call->SetCancelCallback(nullptr);
  NoteTimes();
  open_->node->runner->Detach(task_, /*abandon=*/false);
  callbacks_.on_outcome(outcome);
}

void TaskWait::OnLimit() {
  if (!Claim()) return;
  task_->RemoveWaiter(waiter_);
  NoteTimes();
  if (limit_ == WaitLimit::kKeepTask) open_->node->runner->Keep(task_);
  open_->node->runner->Detach(task_, /*abandon=*/limit_ == WaitLimit::kCancelTask);
  callbacks_.on_limit();
}

void TaskWait::OnGone() {
  if (!Claim()) return;
  CancelTimer();
  task_->RemoveWaiter(waiter_);
  open_->node->runner->Detach(task_, /*abandon=*/true);
  open_->Finish(MakeError(ErrorCode::kCommandCancelled, "the caller is gone"));
}

void TaskWait::NoteTimes() {
  // A reader has come for what was made before its call.
  if (open_->call->method() == transport::Method::kDoGet) return;
  const TaskTimes times = task_->times();
  auto& statistics = open_->call->statistics();
  statistics.task_queue_ns = times.queued.count();
  statistics.task_run_ns = times.run.count();
}

void TaskWait::CancelTimer() {
  int64_t timer = 0;
  {
    std::lock_guard lock(mutex_);
    timer = std::exchange(timer_, 0);
  }
  if (timer != 0) open_->node->parts.timer->Cancel(timer);
}

}  // namespace longbow::flight
