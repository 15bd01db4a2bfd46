/// \file
/// The task as the registry makes it: its state, and the steps in which a thread works on it.
///
/// One lock per task guards its state. Everything foreign (the service's code, waiters, readers,
/// the store, destructors of what the service made) runs outside of it.
///
/// Who works on a task: `run_` says whether nobody has to (`kIdle`), somebody has to (`kScheduled`)
/// or somebody does (`kRunning`). A scheduled task is in the pool's queue, and whoever comes first
/// takes it: a worker, or a thread that waits for the task (helping). The queue has a task at most
/// once (`queued_`), so entries that came too late do not pile up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <arrow/record_batch.h>
#include <arrow/result.h>

#include <longbow/log.h>

#include "task/cancel_signal.h"
#include "task/result_buffer.h"
#include "task/task.h"
#include "task/task_registry.h"
#include "task/task_spans.h"
#include "task/worker_pool.h"

namespace longbow {

/// Tasks that no thread has begun, in all and by principal. Thread-safe.
class WaitingStarts {
 public:
  void Add(const std::string& principal) {
    std::lock_guard lock(mutex_);
    ++total_;
    ++of_[principal];
  }
  void Remove(const std::string& principal) {
    std::lock_guard lock(mutex_);
    --total_;
    auto it = of_.find(principal);
    if (it != of_.end() && --it->second == 0) of_.erase(it);
  }
  int total() const {
    std::lock_guard lock(mutex_);
    return total_;
  }
  int of(const std::string& principal) const {
    std::lock_guard lock(mutex_);
    auto it = of_.find(principal);
    return it == of_.end() ? 0 : it->second;
  }

 private:
  mutable std::mutex mutex_;
  int total_ = 0;
  std::unordered_map<std::string, int> of_;
};

/// What the tasks of a registry share. Thread-safe.
struct TaskEnvironment {
  TaskEnvironment(const TaskLimits& task_limits, const TaskParts& task_parts)
      : limits(task_limits),
        parts(task_parts),
        clock(task_parts.clock),
        pool({.threads = task_limits.threads,
              .spare_threads = task_limits.spare_threads,
              .threads_per_owner = task_limits.threads_per_principal,
              .short_queue = task_limits.queue_length,
              .short_queue_per_owner = task_limits.queue_per_principal,
              .unknown_threads = task_limits.unknown_threads,
              .unknown_queue = task_limits.unknown_queue}) {}

  const TaskLimits limits;
  const TaskParts parts;
  const Clock* const clock;
  NullLogger no_logger;
  WaitingStarts waiting_starts;
  std::atomic<int64_t> kept_bytes{0};     ///< of all repeatable results
  std::atomic<int64_t> waiting_bytes{0};  ///< of all results, that lie before their readers

  Logger& logger() { return parts.logger != nullptr ? *parts.logger : no_logger; }
  WorkerPool pool;
};

class PooledTask final : public Task,
                         public WorkerPool::Job,
                         public std::enable_shared_from_this<PooledTask> {
 public:
  PooledTask(std::shared_ptr<TaskEnvironment> environment, std::string id, TaskRequest request);
  ~PooledTask() override;

  const std::string& id() const override { return id_; }
  TaskInfo info() const override;
  TaskTimes times() const override;
  const std::shared_ptr<const Principal>& principal() const override { return origin_.principal; }
  void ShareWith(const std::string& principal) override;
  bool BelongsTo(std::string_view principal) const override;
  int64_t AddWaiter(std::function<void(const arrow::Result<Outcome>&)> callback) override;
  bool RemoveWaiter(int64_t id) override;
  arrow::Result<Outcome> Wait() override;
  bool Help() override;
  arrow::Result<std::unique_ptr<Reader>> OpenReader() override;
  arrow::Status Cancel() override;
  WallTime expires() const override;
  WallTime Renew() override;

  void RunJob() override;
  std::string_view owner() const override { return origin_.principal->name; }

  // For the registry.

  /// Counts the start among those that wait, until somebody begins or cancels it. Before `Launch`.
  void CountStart();
  /// Queues the start.
  void Launch();
  /// As `Cancel`, with an error of the caller's choice.
  arrow::Status CancelWith(arrow::Status reason);
  /// Whether its time to live is over at `now`.
  bool ExpiredAt(MonotonicTime now) const;
  /// Whether a worker is at it, or it has a reader.
  bool busy() const;
  /// Bytes of a result that nobody has begun to read; 0 where it is read, stored or gone.
  int64_t unread_bytes() const;
  /// Whether it has ended and holds no result that somebody could still read.
  bool disposable() const;
  /// Frees a result that nobody has begun to read, for lack of memory. False where somebody has.
  bool Drop();
  /// Cancels it unless it is busy.
  void CancelIdle(arrow::Status reason);
  /// Starts its time to live anew.
  void Touch();
  /// It has expired: cancels it, or frees the result that it kept.
  void Forget();

 private:
  enum class Run { kIdle, kScheduled, kRunning, kFinished };
  /// Who runs a step, and so what ends it early.
  enum class Runner {
    kWorker,  ///< goes on while there is room
    kWaiter,  ///< waits for the outcome
    kReader   ///< waits for data: goes on until some is there
  };
  /// A reader's place in the result. Guarded by the task's lock.
  struct Cursor {
    int64_t position = 0;
    bool delivering = false;  ///< a callback is running
    std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback;
  };
  class CursorReader;
  class Context;
  /// As much data as is worth waking up a thread for.
  static constexpr int64_t kEnoughBytes = int64_t{256} << 10;
  using Waiter = std::function<void(const arrow::Result<Outcome>&)>;
  /// What an event makes happen outside of the lock.
  struct Effects {
    std::map<int64_t, Waiter> waiters;
    arrow::Result<Outcome> outcome = Outcome{};
    std::vector<std::shared_ptr<Cursor>> cursors;
    std::deque<ResultBuffer::Item> dropped;
  };

  // Working on it (task_steps.cc). All but `RunPending` are called by the thread that runs the
  // task, without the lock.
  bool RunPending(Runner runner);
  bool RunStart();
  void RunStep(Runner runner);
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch();
  arrow::Status Offer(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes);
  void FinishStream();
  void Store(std::unique_ptr<FlightPut> put);
  arrow::Status FillPut(FlightPut* put);
  arrow::Status CommitPut(FlightPut* put);
  void Fail(const arrow::Status& status);
  void Release();
  bool ended() const;
  arrow::Status Thrown(std::string_view where, std::string_view what) const;
  template <typename Function>
  auto Guarded(std::string_view where, Function&& function) -> decltype(function());

  // Reading it.
  void Next(const std::shared_ptr<Cursor>& cursor,
            std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback);
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextBlocking(Cursor* cursor);
  void WaitForData(std::unique_lock<std::mutex>& lock, const Cursor& cursor);
  void Close(const std::shared_ptr<Cursor>& cursor);
  void Deliver(const std::shared_ptr<Cursor>& cursor);

  // State. `...Locked` is called with `mutex_` held.
  bool EndedLocked() const;
  bool SettledLocked() const { return outcome_known_ || EndedLocked(); }
  arrow::Result<Outcome> OutcomeLocked() const;
  bool ReadyLocked(const Cursor& cursor) const;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeLocked(Cursor* cursor);
  void TouchLocked();
  void SettleLocked(Effects* effects);
  void DoneLocked();
  /// It has ended, whatever way.
  void TellEndLocked();
  void EndLocked(TaskState state, arrow::Status error, Effects* effects);
  void CursorsLocked(Effects* effects) const;
  void BegunLocked();
  /// Counts the result's waiting bytes anew, after they have changed.
  void CountWaitingLocked();
  std::string WaitReasonLocked() const;
  void Perform(Effects effects);
  bool WantsStepLocked() const;
  /// Returns whether `Push` has to follow, after the lock.
  [[nodiscard]] bool ScheduleLocked();
  void Push(bool first = false);

  const std::shared_ptr<TaskEnvironment> env_;
  const std::string id_;
  const std::string service_;
  const bool repeatable_;
  const TaskOrigin origin_;
  const WallTime created_;
  const MonotonicTime made_;

  // Touched only by the thread that runs the task. The reader goes before the work.
  std::unique_ptr<Context> context_;
  std::unique_ptr<TaskWork> work_;
  std::unique_ptr<arrow::RecordBatchReader> stream_;

  CancelSignal cancel_;
  std::atomic<double> progress_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int blocked_ = 0;    ///< threads that wait on `changed_`
  int impatient_ = 0;  ///< those of them that want to hear of each batch
  TaskState state_ = TaskState::kQueued;
  Run run_ = Run::kIdle;
  bool queued_ = false;
  bool start_waits_ = false;
  bool committing_ = false;
  bool outcome_known_ = false;
  bool produced_all_ = false;
  bool consumed_ = false;
  bool expiring_ = false;
  bool forgotten_ = false;
  Outcome outcome_;
  arrow::Status error_;
  std::map<int64_t, Waiter> waiters_;
  int64_t next_waiter_ = 1;
  ResultBuffer buffer_;
  int64_t kept_bytes_ = 0;     ///< counted in `TaskEnvironment::kept_bytes`
  int64_t waiting_bytes_ = 0;  ///< counted in `TaskEnvironment::waiting_bytes`
  TaskSpans spans_;
  std::optional<MonotonicTime> begun_;
  std::optional<MonotonicTime> settled_;
  std::vector<std::shared_ptr<Cursor>> cursors_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  std::set<std::string, std::less<>> shared_with_;
  MonotonicTime touched_;
  WallTime touched_wall_;
};

}  // namespace longbow
