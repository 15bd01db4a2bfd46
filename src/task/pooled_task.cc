#include "task/pooled_task.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <longbow/error.h>

#include "task/task_context.h"

namespace longbow {

namespace {

/// How long a thread that waits for data lets small batches come together before it wakes up: a
/// wake-up for each would cost more than the batch.
constexpr auto kPatience = std::chrono::milliseconds(5);

arrow::Status Cancelled(const std::string& id) {
  return MakeError(ErrorCode::kCommandCancelled, "The task " + id + " was cancelled.");
}

}  // namespace

class PooledTask::CursorReader final : public Task::Reader {
 public:
  CursorReader(std::shared_ptr<PooledTask> task, std::shared_ptr<Cursor> cursor,
               std::shared_ptr<arrow::Schema> schema)
      : task_(std::move(task)), cursor_(std::move(cursor)), schema_(std::move(schema)) {}
  ~CursorReader() override { task_->Close(cursor_); }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  void Next(
      std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback) override {
    // The callback may destroy this reader.
    auto task = task_;
    auto cursor = cursor_;
    task->Next(cursor, std::move(callback));
  }
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextBlocking() override {
    return task_->NextBlocking(cursor_.get());
  }

 private:
  const std::shared_ptr<PooledTask> task_;
  const std::shared_ptr<Cursor> cursor_;
  const std::shared_ptr<arrow::Schema> schema_;
};

PooledTask::PooledTask(std::shared_ptr<TaskEnvironment> environment, std::string id,
                       TaskRequest request)
    : env_(std::move(environment)),
      id_(std::move(id)),
      service_(std::move(request.service)),
      repeatable_(request.repeatable),
      origin_(std::move(request.origin)),
      created_(env_->clock->WallNow()),
      made_(env_->clock->Now()),
      context_(std::make_unique<Context>(this)),
      work_(std::move(request.work)),
      buffer_(request.repeatable, std::max<int64_t>(env_->limits.buffer_bytes, 1)),
      spans_(env_->parts.tracer, origin_, service_, id_) {
  TouchLocked();
}

PooledTask::~PooledTask() {
  // What the service made may still call the context, which needs the members below.
  stream_.reset();
  work_.reset();
  BegunLocked();
  env_->kept_bytes -= kept_bytes_;
  env_->waiting_bytes -= waiting_bytes_;
}

// ---- State

TaskInfo PooledTask::info() const {
  std::lock_guard lock(mutex_);
  return {.id = id_,
          .service = service_,
          .state = state_,
          .progress = produced_all_ || state_ == TaskState::kDone ? 1.0 : progress_.load(),
          .created = created_,
          .rows = rows_,
          .bytes = bytes_,
          .repeatable = repeatable_,
          .principal = origin_.principal->name,
          .waits_for = WaitReasonLocked()};
}

void PooledTask::ShareWith(const std::string& principal) {
  if (principal == owner()) return;
  std::lock_guard lock(mutex_);
  shared_with_.insert(principal);
}

bool PooledTask::BelongsTo(std::string_view principal) const {
  if (principal == owner()) return true;
  std::lock_guard lock(mutex_);
  return shared_with_.contains(principal);
}

TaskTimes PooledTask::times() const {
  const MonotonicTime now = env_->clock->Now();
  std::lock_guard lock(mutex_);
  const MonotonicTime end = settled_.value_or(now);
  if (!begun_) return {.queued = end - made_};
  return {.queued = *begun_ - made_, .run = end - *begun_};
}

std::string PooledTask::WaitReasonLocked() const {
  if (state_ == TaskState::kQueued) {
    std::string reason = env_->pool.WaitReason(origin_.principal->name);
    return reason.empty() ? "a thread is about to take it" : reason;
  }
  if (state_ != TaskState::kStreaming || !outcome_known_) return {};
  if (cursors_.empty()) return "nobody reads its result yet";
  if (!produced_all_ && !buffer_.HasRoom()) return "its reader is slower than it is";
  return {};
}

bool PooledTask::busy() const {
  std::lock_guard lock(mutex_);
  if (EndedLocked()) return false;
  return run_ == Run::kRunning || committing_ || !cursors_.empty();
}

int64_t PooledTask::unread_bytes() const {
  std::lock_guard lock(mutex_);
  if (!outcome_known_ || !cursors_.empty() || outcome_.stored) return 0;
  return buffer_.held_bytes();
}

bool PooledTask::EndedLocked() const {
  return state_ == TaskState::kDone || state_ == TaskState::kFailed ||
         state_ == TaskState::kCancelled;
}

bool PooledTask::ended() const {
  std::lock_guard lock(mutex_);
  return EndedLocked();
}

arrow::Result<Task::Outcome> PooledTask::OutcomeLocked() const {
  if (!error_.ok()) return error_;
  return outcome_;
}

void PooledTask::TouchLocked() {
  touched_ = env_->clock->Now();
  touched_wall_ = env_->clock->WallNow();
}

void PooledTask::Touch() {
  std::lock_guard lock(mutex_);
  TouchLocked();
}

WallTime PooledTask::expires() const {
  const auto ttl = std::chrono::seconds(env_->limits.result_ttl_sec);
  std::lock_guard lock(mutex_);
  // Its time to live has not begun while it runs or is being read.
  const bool ages = SettledLocked() && cursors_.empty();
  return (ages ? touched_wall_ : env_->clock->WallNow()) + ttl;
}

WallTime PooledTask::Renew() {
  Touch();
  return expires();
}

bool PooledTask::ExpiredAt(MonotonicTime now) const {
  std::lock_guard lock(mutex_);
  return SettledLocked() && cursors_.empty() &&
         now >= touched_ + std::chrono::seconds(env_->limits.result_ttl_sec);
}

bool PooledTask::disposable() const {
  std::lock_guard lock(mutex_);
  return EndedLocked() && cursors_.empty() && !(repeatable_ && state_ == TaskState::kDone);
}

void PooledTask::BegunLocked() {
  if (std::exchange(start_waits_, false)) env_->waiting_starts.Remove(origin_.principal->name);
}

void PooledTask::CountWaitingLocked() {
  const int64_t now = buffer_.held_bytes();
  env_->waiting_bytes += now - std::exchange(waiting_bytes_, now);
}

void PooledTask::CountStart() {
  std::lock_guard lock(mutex_);
  start_waits_ = true;
  env_->waiting_starts.Add(origin_.principal->name);
  if (auto* observer = env_->parts.observer) observer->OnQueued(service_);
}

void PooledTask::Launch() {
  bool push = false;
  {
    std::lock_guard lock(mutex_);
    if (EndedLocked() || run_ != Run::kIdle) return;
    push = ScheduleLocked();
  }
  if (push) Push();
}

// The outcome is known, or never will be: those who wait for it are told.
void PooledTask::SettleLocked(Effects* effects) {
  if (!settled_) settled_ = env_->clock->Now();
  effects->waiters = std::exchange(waiters_, {});
  effects->outcome = OutcomeLocked();
  TouchLocked();
  changed_.notify_all();
}

void PooledTask::CursorsLocked(Effects* effects) const {
  for (const auto& cursor : cursors_) {
    if (cursor->callback) effects->cursors.push_back(cursor);
  }
}

void PooledTask::DoneLocked() {
  state_ = TaskState::kDone;
  TellEndLocked();
}

void PooledTask::TellEndLocked() {
  spans_.Ended(error_, rows_, bytes_);
  auto* observer = env_->parts.observer;
  if (observer == nullptr) return;
  const MonotonicTime now = env_->clock->Now();
  TaskEnd end{.state = state_, .expired = expiring_, .total = now - made_};
  if (begun_) end.run = now - *begun_;
  observer->OnEnded(service_, end);
}

void PooledTask::EndLocked(TaskState state, arrow::Status error, Effects* effects) {
  state_ = state;
  error_ = std::move(error);
  TellEndLocked();
  BegunLocked();
  effects->dropped = buffer_.Clear();
  CountWaitingLocked();
  env_->kept_bytes -= std::exchange(kept_bytes_, 0);
  CursorsLocked(effects);
  SettleLocked(effects);
}

void PooledTask::Perform(Effects effects) {
  for (auto& [id, waiter] : effects.waiters) waiter(effects.outcome);
  for (const auto& cursor : effects.cursors) Deliver(cursor);
}

arrow::Status PooledTask::Cancel() { return CancelWith(Cancelled(id_)); }

arrow::Status PooledTask::CancelWith(arrow::Status reason) {
  Effects effects;
  bool push = false;
  {
    std::lock_guard lock(mutex_);
    if (EndedLocked()) {
      return MakeError(ErrorCode::kCommandCancelNotPossible,
                       "The task " + id_ + " has ended already.");
    }
    if (committing_) {
      return MakeError(ErrorCode::kCommandCancelNotPossible,
                       "The result of the task " + id_ + " is being stored already.");
    }
    EndLocked(TaskState::kCancelled, std::move(reason), &effects);
    // What the service made is freed by a worker; if one is at it, by that one.
    if (run_ == Run::kIdle) push = ScheduleLocked();
  }
  cancel_.Fire();
  Perform(std::move(effects));
  if (push) Push(/*first=*/true);
  return arrow::Status::OK();
}

void PooledTask::Forget() {
  {
    std::lock_guard lock(mutex_);
    expiring_ = true;
  }
  // An ended one says so; there is nothing to cancel then.
  (void)Cancel();
  std::deque<ResultBuffer::Item> dropped;
  std::lock_guard lock(mutex_);
  if (!cursors_.empty()) return;
  forgotten_ = true;
  dropped = buffer_.Clear();
  CountWaitingLocked();
  env_->kept_bytes -= std::exchange(kept_bytes_, 0);
}

bool PooledTask::Drop() {
  const arrow::Status error = MakeError(
      ErrorCode::kResourceExhausted,
      "The result of the task " + id_ +
          " was dropped before it was read: the node ran out of memory",
      "Run the command again later, or on another node; store large results under a path.");
  std::deque<ResultBuffer::Item> dropped;
  {
    std::lock_guard lock(mutex_);
    if (!cursors_.empty() || outcome_.stored) return false;
    if (EndedLocked()) {
      // Repeatable, and complete.
      if (error_.ok()) error_ = error;
      dropped = buffer_.Clear();
      CountWaitingLocked();
      env_->kept_bytes -= std::exchange(kept_bytes_, 0);
      return true;
    }
  }
  return CancelWith(error).ok();
}

void PooledTask::CancelIdle(arrow::Status reason) {
  // Where it began or ended meanwhile, that is as good.
  if (!busy()) (void)CancelWith(std::move(reason));
}

// ---- The queue

bool PooledTask::ScheduleLocked() {
  run_ = Run::kScheduled;
  // A thread that waits may run it.
  if (blocked_ > 0) changed_.notify_all();
  return !std::exchange(queued_, true);
}

void PooledTask::Push(bool first) {
  if (env_->pool.Enqueue(shared_from_this(), first)) return;
  // No worker will come any more. A task that was not cancelled yet cannot go on.
  {
    std::lock_guard lock(mutex_);
    queued_ = false;
  }
  Fail(MakeError(ErrorCode::kShuttingDown, "The node is shutting down."));
  RunPending(Runner::kWorker);
}

void PooledTask::RunJob() {
  {
    std::lock_guard lock(mutex_);
    queued_ = false;
  }
  RunPending(Runner::kWorker);
}

bool PooledTask::WantsStepLocked() const {
  return state_ == TaskState::kStreaming && outcome_known_ && !produced_all_ &&
         run_ == Run::kIdle && buffer_.WantsMore();
}

// ---- Waiting for the outcome

int64_t PooledTask::AddWaiter(Waiter callback) {
  std::unique_lock lock(mutex_);
  const int64_t id = next_waiter_++;
  if (!SettledLocked()) {
    waiters_.emplace(id, std::move(callback));
    return id;
  }
  TouchLocked();
  const arrow::Result<Outcome> outcome = OutcomeLocked();
  lock.unlock();
  callback(outcome);
  return id;
}

bool PooledTask::RemoveWaiter(int64_t id) {
  Waiter removed;  // freed outside of the lock
  std::lock_guard lock(mutex_);
  auto it = waiters_.find(id);
  if (it == waiters_.end()) return false;
  removed = std::move(it->second);
  waiters_.erase(it);
  return true;
}

bool PooledTask::Help() {
  {
    std::lock_guard lock(mutex_);
    if (SettledLocked()) return false;
  }
  return RunPending(Runner::kWaiter);
}

arrow::Result<Task::Outcome> PooledTask::Wait() {
  std::unique_lock lock(mutex_);
  while (!SettledLocked()) {
    if (run_ == Run::kScheduled) {
      lock.unlock();
      RunPending(Runner::kWaiter);
      lock.lock();
      continue;
    }
    ++blocked_;
    changed_.wait(lock);
    --blocked_;
  }
  TouchLocked();
  return OutcomeLocked();
}

// ---- Reading

arrow::Result<std::unique_ptr<Task::Reader>> PooledTask::OpenReader() {
  std::lock_guard lock(mutex_);
  if (!SettledLocked()) {
    return MakeError(ErrorCode::kNotReady, "The result of the task " + id_ + " is not known yet.");
  }
  if (consumed_ && !repeatable_ && state_ != TaskState::kFailed) {
    return MakeError(ErrorCode::kCommandResultConsumed,
                     "The result of the task " + id_ +
                         " can be read once, and has been read; run the command again.");
  }
  if (!error_.ok()) return error_;
  if (outcome_.stored) {
    return MakeError(ErrorCode::kInvalidTicket,
                     "The result of the task " + id_ + " is stored under " +
                         outcome_.stored->path.ToString() + "; read it from there.");
  }
  if (forgotten_) {
    return MakeError(ErrorCode::kInvalidTicket,
                     "The result of the task " + id_ + " has expired; run the command again.");
  }
  consumed_ = true;
  auto cursor = std::make_shared<Cursor>();
  cursors_.push_back(cursor);
  return std::make_unique<CursorReader>(shared_from_this(), std::move(cursor), outcome_.schema);
}

bool PooledTask::ReadyLocked(const Cursor& cursor) const {
  return !error_.ok() || buffer_.Has(cursor.position) || produced_all_;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> PooledTask::TakeLocked(Cursor* cursor) {
  if (!error_.ok()) return error_;
  if (buffer_.Has(cursor->position)) {
    auto batch = buffer_.Take(cursor->position++);
    CountWaitingLocked();
    return batch;
  }
  if (!repeatable_ && !EndedLocked()) {
    DoneLocked();
    TouchLocked();
  }
  return std::shared_ptr<arrow::RecordBatch>();
}

void PooledTask::Next(
    const std::shared_ptr<Cursor>& cursor,
    std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback) {
  bool push = false;
  {
    std::lock_guard lock(mutex_);
    cursor->callback = std::move(callback);
    if (!ReadyLocked(*cursor) && WantsStepLocked()) push = ScheduleLocked();
  }
  if (push) Push();
  Deliver(cursor);
}

// Hands what is there to the callback that waits for it. A callback that asks for more is served by
// the loop that called it: served in place, each batch would be one level of the stack.
void PooledTask::Deliver(const std::shared_ptr<Cursor>& cursor) {
  std::unique_lock lock(mutex_);
  if (cursor->delivering) return;
  while (cursor->callback && ReadyLocked(*cursor)) {
    auto callback = std::exchange(cursor->callback, nullptr);
    auto batch = TakeLocked(cursor.get());
    const bool push = WantsStepLocked() && ScheduleLocked();
    cursor->delivering = true;
    lock.unlock();
    if (push) Push();
    callback(std::move(batch));
    callback = nullptr;
    lock.lock();
    cursor->delivering = false;
  }
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> PooledTask::NextBlocking(Cursor* cursor) {
  std::unique_lock lock(mutex_);
  while (!ReadyLocked(*cursor)) {
    if (WantsStepLocked()) run_ = Run::kScheduled;
    if (run_ == Run::kScheduled) {
      lock.unlock();
      RunPending(Runner::kReader);
      lock.lock();
    } else {
      WaitForData(lock, *cursor);
    }
  }
  auto batch = TakeLocked(cursor);
  const bool push = WantsStepLocked() && ScheduleLocked();
  lock.unlock();
  if (push) Push();
  return batch;
}

// Somebody else is making the data. Returns when there is enough of it, or some and patience is
// over, or no one is making it any more.
void PooledTask::WaitForData(std::unique_lock<std::mutex>& lock, const Cursor& cursor) {
  const auto patient_until = std::chrono::steady_clock::now() + kPatience;
  bool patient = true;
  ++blocked_;
  while (run_ == Run::kRunning && error_.ok() && !produced_all_) {
    if (ReadyLocked(cursor) && (!patient || buffer_.ahead_bytes() >= kEnoughBytes)) break;
    if (patient) {
      patient = changed_.wait_until(lock, patient_until) != std::cv_status::timeout;
    } else {
      ++impatient_;
      changed_.wait(lock);
      --impatient_;
    }
  }
  --blocked_;
}

void PooledTask::Close(const std::shared_ptr<Cursor>& cursor) {
  std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback;
  bool cancel = false;
  {
    std::lock_guard lock(mutex_);
    callback = std::exchange(cursor->callback, nullptr);
    std::erase(cursors_, cursor);
    TouchLocked();
    if (!repeatable_ && !EndedLocked()) {
      // One that took the last batch and did not ask for more has read it all.
      cancel = !produced_all_ || buffer_.Has(cursor->position);
      if (!cancel) DoneLocked();
    }
  }
  // It may have ended meanwhile, which is as good.
  if (cancel) (void)Cancel();
  if (callback) callback(Cancelled(id_));
}

}  // namespace longbow
