/// \file
/// The node's worker threads: a fixed number, started when there is work for them.
///
/// Two queues. Owners of jobs take turns, and may be limited in how many of theirs run at once.
/// Short work (`RunSoon`) goes first and is bounded. Jobs are queued at most once each by who owns
/// them, so their number is bounded there. A few workers can be spared for short work, so that a
/// node all of whose threads run jobs can still be asked, and told to cancel them. All functions
/// are thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include <arrow/status.h>

#include "task/fair_queue.h"

namespace longbow {

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

  /// \param threads how many jobs may run at once, and how many workers there may be for them
  /// \param short_queue_length pieces of short work that may wait while no worker is free
  /// \param spare_threads how many more workers there may be that never run jobs
  /// \param threads_per_owner how many jobs of one owner may run at once; 0: as many as of all
  WorkerPool(int threads, int short_queue_length, int spare_threads = 0, int threads_per_owner = 0);
  /// As `Shutdown`. Not on a worker.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs `work` before all jobs that wait. Errors: BACKPRESSURE, SHUTTING_DOWN.
  arrow::Status RunSoon(std::function<void()> work);

  /// Queues `job` behind those that wait, or with `first` before them. False after `Shutdown` has
  /// begun, and where the machine gives not a single thread.
  bool Enqueue(std::shared_ptr<Job> job, bool first = false);

  /// Whether something waits for a worker.
  bool has_waiting() const;
  /// How many more jobs could run now.
  int free_threads() const;
  /// How many more jobs of that owner could run now.
  int free_threads(std::string_view owner) const;
  /// Jobs that run now.
  int running_jobs() const;
  /// Why a job of that owner would have to wait now; empty where it would not.
  std::string WaitReason(std::string_view owner) const;

  /// Refuses new work, runs what was accepted, and returns when all workers have ended. Idempotent.
  /// Not on a worker.
  void Shutdown();

 private:
  /// Wakes or starts a worker for what has just been queued. Called with `mutex_` held.
  bool ProvideWorkerLocked();
  void RunWorker();
  size_t FreeLocked() const;
  /// Those that the limit for one owner leaves.
  size_t FreeOfOwnerLocked(std::string_view owner) const;

  const size_t max_jobs_;
  const size_t max_threads_;  ///< the spare ones included
  const size_t short_queue_length_;
  const size_t max_per_owner_;  ///< 0: no limit

  mutable std::mutex mutex_;
  std::condition_variable work_there_;
  std::deque<std::function<void()>> short_work_;
  FairQueue<std::shared_ptr<Job>> jobs_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;     ///< workers that wait for work
  size_t running_ = 0;  ///< workers that run something
  size_t running_jobs_ = 0;
  bool stopping_ = false;

  std::mutex shutdown_mutex_;  ///< a second `Shutdown` waits for the first
};

}  // namespace longbow
