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

arrow::Status ShuttingDown() {
  return MakeError(ErrorCode::kShuttingDown, "The node is shutting down.");
}

class PooledTaskRegistry final : public TaskRegistry {
 public:
  PooledTaskRegistry(const TaskLimits& limits, const TaskParts& parts)
      : env_(std::make_shared<TaskEnvironment>(limits, parts)) {}
  ~PooledTaskRegistry() override { Shutdown(); }

  arrow::Result<std::shared_ptr<Task>> Submit(TaskRequest request) override;
  std::shared_ptr<Task> Find(const std::string& id) override;
  std::vector<TaskInfo> ListIf(const std::function<bool(const Task&)>& wanted) const override;
  TaskCounts counts() const override;
  int64_t DropUnread(int64_t bytes) override;
  void BeginShutdown() override;
  int64_t busy() const override;
  void Sweep() override;
  arrow::Status RunSoon(const WorkOwner& owner, std::function<void()> work) override {
    return env_->pool.RunSoon(owner, std::move(work));
  }
  void Shutdown() override;

 private:
  using TaskPtr = std::shared_ptr<PooledTask>;

  arrow::Status AdmitLocked(const PooledTask& task, bool nested, std::vector<TaskPtr>* forgotten);
  arrow::Status CheckQueue(const std::string& principal) const;
  /// Oldest first.
  std::vector<TaskPtr> All() const;
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

arrow::Status PooledTaskRegistry::AdmitLocked(const PooledTask& task, bool nested,
                                              std::vector<TaskPtr>* forgotten) {
  if (stopping_) return ShuttingDown();
  const auto max_tasks = static_cast<size_t>(std::max(env_->limits.max_tasks, 1));
  if (by_age_.size() >= max_tasks) {
    // The memory of what has ended makes way for what is to be done: a share of it, so that this is
    // rare.
    *forgotten = TakeOutLocked(std::max<size_t>(max_tasks / 8, 1),
                               [](const PooledTask& other) { return other.disposable(); });
  }
  if (by_age_.size() >= max_tasks) {
    return MakeError(ErrorCode::kBackpressure, "The node has as many tasks as it may have (" +
                                                   std::to_string(max_tasks) +
                                                   "); try again later or on another node.");
  }
  // What a task is waiting for must not be refused for lack of room: the task holds some itself.
  if (nested) return arrow::Status::OK();
  if (env_->waiting_bytes >= env_->limits.waiting_bytes) {
    return MakeError(ErrorCode::kBackpressure,
                     "Results of " + std::to_string(env_->waiting_bytes) +
                         " bytes wait for their readers on this node; read some of them, or try "
                         "again later or on another node.");
  }
  return CheckQueue(task.principal()->name);
}

arrow::Status PooledTaskRegistry::CheckQueue(const std::string& principal) const {
  const TaskLimits& limits = env_->limits;
  // A start that a free worker is about to take does not count as waiting.
  if (env_->waiting_starts.total() >= limits.queue_length + env_->pool.free_threads()) {
    return MakeError(ErrorCode::kBackpressure,
                     "All worker threads are busy and " + std::to_string(limits.queue_length) +
                         " tasks wait for one; try again later or on another node.");
  }
  if (env_->waiting_starts.of(principal) >=
      limits.queue_per_principal + env_->pool.free_threads(principal)) {
    return MakeError(ErrorCode::kBackpressure,
                     "You have " + std::to_string(limits.queue_per_principal) +
                         " tasks that wait for a thread, which is the most for one caller; try "
                         "again when some have run, or on another node.");
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
    ARROW_RETURN_NOT_OK(AdmitLocked(*task, nested, &forgotten));
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

std::vector<PooledTaskRegistry::TaskPtr> PooledTaskRegistry::All() const {
  std::lock_guard lock(mutex_);
  std::vector<TaskPtr> tasks;
  tasks.reserve(by_age_.size());
  for (const auto& [age, task] : by_age_) tasks.push_back(task);
  return tasks;
}

std::vector<TaskInfo> PooledTaskRegistry::ListIf(
    const std::function<bool(const Task&)>& wanted) const {
  const std::vector<TaskPtr> tasks = All();
  std::vector<TaskInfo> infos;
  infos.reserve(tasks.size());
  for (auto it = tasks.rbegin(); it != tasks.rend(); ++it) {
    if (!wanted || wanted(**it)) infos.push_back((*it)->info());
  }
  return infos;
}

TaskCounts PooledTaskRegistry::counts() const {
  TaskCounts counts;
  counts.queued = env_->waiting_starts.total();
  counts.running = env_->pool.running_jobs();
  counts.repeatable_bytes = env_->kept_bytes;
  counts.waiting_bytes = env_->waiting_bytes;
  counts.short_queued = env_->pool.waiting_short();
  counts.unknown_queued = env_->pool.waiting_unknown();
  std::lock_guard lock(mutex_);
  counts.known = static_cast<int64_t>(by_age_.size());
  return counts;
}

int64_t PooledTaskRegistry::DropUnread(int64_t bytes) {
  int64_t dropped = 0;
  for (const TaskPtr& task : All()) {
    if (bytes <= 0) break;
    const int64_t unread = task->unread_bytes();
    if (unread == 0) continue;
    if (!task->Drop()) continue;
    bytes -= unread;
    ++dropped;
  }
  return dropped;
}

int64_t PooledTaskRegistry::busy() const {
  const std::vector<TaskPtr> tasks = All();
  return std::count_if(tasks.begin(), tasks.end(),
                       [](const TaskPtr& task) { return task->busy(); });
}

void PooledTaskRegistry::BeginShutdown() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (const TaskPtr& task : All()) task->CancelIdle(ShuttingDown());
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
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (const TaskPtr& task : All()) {
    // One that has ended, or is being committed, stays as it is.
    (void)task->CancelWith(ShuttingDown());
  }
  env_->pool.Shutdown();
}

}  // namespace

std::unique_ptr<TaskRegistry> TaskRegistry::Make(const TaskLimits& limits, const TaskParts& parts) {
  return std::make_unique<PooledTaskRegistry>(limits, parts);
}

}  // namespace longbow
