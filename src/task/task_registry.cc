#include "task/task_registry.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <longbow/error.h>
#include <longbow/log.h>

#include "base/random.h"
#include "task/pooled_task.h"

namespace longbow {

namespace {

class PooledTaskRegistry final : public TaskRegistry {
 public:
  PooledTaskRegistry(const TaskLimits& limits, const Clock* clock, Logger* logger)
      : env_(std::make_shared<TaskEnvironment>(limits, clock, logger)) {}
  ~PooledTaskRegistry() override { Shutdown(); }

  arrow::Result<std::shared_ptr<Task>> Submit(TaskRequest request) override;
  std::shared_ptr<Task> Find(const std::string& id) override;
  std::vector<TaskInfo> List() const override;
  void Sweep() override;
  arrow::Status RunSoon(std::function<void()> work) override {
    return env_->pool.RunSoon(std::move(work));
  }
  void Shutdown() override;

 private:
  using TaskPtr = std::shared_ptr<PooledTask>;

  arrow::Status AdmitLocked(bool nested, std::vector<TaskPtr>* forgotten);
  /// Takes out tasks for which `pick` is true, oldest first, at most `limit`.
  template <typename Pick>
  std::vector<TaskPtr> TakeOutLocked(size_t limit, Pick pick);

  const std::shared_ptr<TaskEnvironment> env_;
  SystemRandom random_;
  mutable std::mutex mutex_;
  std::map<int64_t, TaskPtr> by_age_;
  std::unordered_map<std::string, int64_t> ages_;
  int64_t next_age_ = 0;
  bool stopping_ = false;
};

arrow::Status PooledTaskRegistry::AdmitLocked(bool nested, std::vector<TaskPtr>* forgotten) {
  if (stopping_) return MakeError(ErrorCode::kShuttingDown, "The node is shutting down.");
  const auto max_tasks = static_cast<size_t>(std::max(env_->limits.max_tasks, 1));
  if (by_age_.size() >= max_tasks) {
    // The memory of what has ended makes way for what is to be done: a share of it, so that this is
    // rare.
    *forgotten = TakeOutLocked(std::max<size_t>(max_tasks / 8, 1),
                               [](const PooledTask& task) { return task.disposable(); });
  }
  if (by_age_.size() >= max_tasks) {
    return MakeError(ErrorCode::kBackpressure, "The node has as many tasks as it may have (" +
                                                   std::to_string(max_tasks) +
                                                   "); try again later or on another node.");
  }
  // A start that a free worker is about to take does not count as waiting.
  const int may_wait = env_->limits.queue_length + env_->pool.free_threads();
  if (!nested && env_->waiting_starts >= may_wait) {
    return MakeError(ErrorCode::kBackpressure,
                     "All worker threads are busy and " +
                         std::to_string(env_->limits.queue_length) +
                         " tasks wait for one; try again later or on another node.");
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<Task>> PooledTaskRegistry::Submit(TaskRequest request) {
  const bool nested = request.nested;
  // Both are freed after the lock.
  std::vector<TaskPtr> forgotten;
  auto task = std::make_shared<PooledTask>(env_, random_.NextId(), std::move(request));
  {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(AdmitLocked(nested, &forgotten));
    ages_.emplace(task->id(), next_age_);
    by_age_.emplace(next_age_++, task);
    task->CountStart();
  }
  task->Launch();
  return task;
}

std::shared_ptr<Task> PooledTaskRegistry::Find(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto it = ages_.find(id);
  if (it == ages_.end()) return nullptr;
  const TaskPtr& task = by_age_.at(it->second);
  // `Sweep` may be late.
  if (task->ExpiredAt(env_->clock->Now())) return nullptr;
  task->Touch();
  return task;
}

std::vector<TaskInfo> PooledTaskRegistry::List() const {
  std::vector<TaskPtr> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.reserve(by_age_.size());
    for (auto it = by_age_.rbegin(); it != by_age_.rend(); ++it) tasks.push_back(it->second);
  }
  std::vector<TaskInfo> infos;
  infos.reserve(tasks.size());
  for (const TaskPtr& task : tasks) infos.push_back(task->info());
  return infos;
}

template <typename Pick>
std::vector<PooledTaskRegistry::TaskPtr> PooledTaskRegistry::TakeOutLocked(size_t limit,
                                                                           Pick pick) {
  std::vector<TaskPtr> taken;
  for (auto it = by_age_.begin(); it != by_age_.end() && taken.size() < limit;) {
    if (!pick(*it->second)) {
      ++it;
      continue;
    }
    ages_.erase(it->second->id());
    taken.push_back(std::move(it->second));
    it = by_age_.erase(it);
  }
  return taken;
}

void PooledTaskRegistry::Sweep() {
  const MonotonicTime now = env_->clock->Now();
  std::vector<TaskPtr> expired;
  {
    std::lock_guard lock(mutex_);
    expired = TakeOutLocked(by_age_.size(),
                            [now](const PooledTask& task) { return task.ExpiredAt(now); });
  }
  for (const TaskPtr& task : expired) task->Forget();
}

void PooledTaskRegistry::Shutdown() {
  std::vector<TaskPtr> tasks;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [age, task] : by_age_) tasks.push_back(task);
  }
  for (const TaskPtr& task : tasks) {
    // One that has ended, or is being committed, stays as it is.
    (void)task->CancelWith(MakeError(ErrorCode::kShuttingDown, "The node is shutting down."));
  }
  env_->pool.Shutdown();
}

}  // namespace

std::unique_ptr<TaskRegistry> TaskRegistry::Make(const TaskLimits& limits, const Clock* clock,
                                                 Logger* logger) {
  return std::make_unique<PooledTaskRegistry>(limits, clock, logger);
}

}  // namespace longbow
