/// \file
/// The node's worker threads: a fixed number, started when there is work for them.
///
/// Two queues, of short work (`RunSoon`) and of jobs. Short work goes first and is bounded; jobs
/// are queued at most once each by who owns them, so their number is bounded there. In each queue
/// owners take turns, and what one of them has at work may be limited, so that threads are left for
/// others. A few workers can be spared for short work, so that a node all of whose threads run jobs
/// can still be asked, and told to cancel them. All functions are thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <arrow/status.h>

#include "task/fair_queue.h"

namespace longbow {

/// On whose behalf short work runs: a caller, or (nothing) callers of whom it is not known yet who
/// they are. Those count as one.
using WorkOwner = std::optional<std::string>;

struct WorkerPoolOptions {
  int threads = 1;        ///< jobs that run at once, and workers that there are for them
  int spare_threads = 0;  ///< workers beyond these, that are there for short work
  /// Jobs of one owner that run at once, and pieces of its short work. Both together may be half of
  /// `spare_threads` more, so that who has that many jobs at work can still ask. 0, or as many as
  /// `threads`: no limit.
  int threads_per_owner = 0;
  int short_queue = 1024;            ///< pieces of short work that wait while no worker is free
  int short_queue_per_owner = 1024;  ///< of these, those of one owner
  int unknown_threads = 1;           ///< pieces of work of unknown owners that run at once
  int unknown_queue = 1024;          ///< that wait, beside `short_queue`
};

class WorkerPool {
 public:
  /// Something to run on a worker. Kept alive by the queue until it has run.
  class Job {
   public:
    virtual ~Job() = default;
    /// Called on a worker, outside all locks of the pool.
    virtual void RunJob() = 0;
    /// On whose behalf. Does not change.
    virtual std::string_view owner() const { return {}; }
  };

  explicit WorkerPool(const WorkerPoolOptions& options);
  /// As `Shutdown`. Not on a worker.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs `work` before all jobs that wait. Errors: BACKPRESSURE, SHUTTING_DOWN.
  arrow::Status RunSoon(const WorkOwner& owner, std::function<void()> work);

  /// Queues `job` behind those that wait, or with `first` before them. False after `Shutdown` has
  /// begun, and where the machine gives not a single thread.
  bool Enqueue(std::shared_ptr<Job> job, bool first = false);

  /// Whether something waits for a worker.
  bool has_waiting() const;
  /// How many more jobs could run now.
  int free_threads() const;
  /// How many more jobs of that owner could run now.
  int free_threads(const std::string& owner) const;
  /// Jobs that run now.
  int running_jobs() const;
  /// Pieces of short work of known owners that wait.
  int waiting_short() const;
  /// Those of unknown owners.
  int waiting_unknown() const;
  /// Why a job of that owner would have to wait now; empty where it would not.
  std::string WaitReason(const std::string& owner) const;

  /// Refuses new work, runs what was accepted, and returns when all workers have ended. Idempotent.
  /// Not on a worker.
  void Shutdown();

 private:
  using JobPtr = std::shared_ptr<Job>;
  /// What an owner has at work.
  struct Load {
    size_t jobs = 0;
    size_t short_work = 0;
  };
  /// What a worker takes from the queues.
  struct Taken {
    WorkOwner owner;
    bool is_job = false;
    JobPtr job;                        ///< either this
    std::function<void()> short_work;  ///< or this
  };

  /// Errors: BACKPRESSURE.
  arrow::Status CheckShortQueueLocked(const WorkOwner& owner) const;
  /// Wakes or starts a worker for what has just been queued. Called with `mutex_` held.
  bool ProvideWorkerLocked();
  void RunWorker();
  std::optional<Taken> TakeLocked();
  void DoneLocked(const Taken& taken);
  bool HasRunnableLocked() const;
  size_t FreeLocked() const;
  Load LoadLocked(const WorkOwner& owner) const;
  /// How many more jobs of the owner its limit leaves.
  size_t JobsLeftLocked(const std::string& owner) const;
  size_t ShortLeftLocked(const WorkOwner& owner) const;
  size_t UnknownWaitingLocked() const { return short_work_.size(std::nullopt); }

  const size_t max_jobs_;
  const size_t max_threads_;       ///< the spare ones included
  const size_t max_of_owner_;      ///< jobs, and pieces of short work
  const size_t max_all_of_owner_;  ///< both together
  const size_t max_unknown_;
  const size_t short_queue_;
  const size_t short_queue_per_owner_;
  const size_t unknown_queue_;

  mutable std::mutex mutex_;
  std::condition_variable work_there_;
  FairQueue<std::function<void()>, WorkOwner> short_work_;
  FairQueue<JobPtr> jobs_;
  std::unordered_map<WorkOwner, Load> loads_;  // of those with something at work
  std::vector<std::thread> threads_;
  size_t idle_ = 0;     ///< workers that wait for work
  size_t running_ = 0;  ///< workers that run something
  size_t running_jobs_ = 0;
  bool stopping_ = false;

  std::mutex shutdown_mutex_;  ///< a second `Shutdown` waits for the first
};

}  // namespace longbow
