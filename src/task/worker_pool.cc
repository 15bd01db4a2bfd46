#include "task/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include <longbow/error.h>

namespace longbow {

WorkerPool::WorkerPool(int threads, int short_queue_length, int spare_threads)
    : max_jobs_(static_cast<size_t>(std::max(threads, 1))),
      max_threads_(max_jobs_ + static_cast<size_t>(std::max(spare_threads, 0))),
      short_queue_length_(static_cast<size_t>(std::max(short_queue_length, 0))) {}

WorkerPool::~WorkerPool() { Shutdown(); }

arrow::Status WorkerPool::RunSoon(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (stopping_) return MakeError(ErrorCode::kShuttingDown, "The node is shutting down.");
  // Work that a free worker is about to take does not count as waiting.
  const size_t free = max_threads_ - running_;
  if (short_work_.size() >= short_queue_length_ + free) {
    return MakeError(ErrorCode::kBackpressure,
                     "All worker threads are busy and the queue of short work is full; try again "
                     "later or on another node.");
  }
  short_work_.push_back(std::move(work));
  if (!ProvideWorkerLocked()) {
    short_work_.pop_back();
    return MakeError(ErrorCode::kBackpressure,
                     "The machine gives no thread to run the work; try again on another node.");
  }
  return arrow::Status::OK();
}

bool WorkerPool::Enqueue(std::shared_ptr<Job> job, bool first) {
  std::lock_guard lock(mutex_);
  if (stopping_) return false;
  // Where not even one thread can be had, nothing is queued yet either.
  jobs_.insert(first ? jobs_.begin() : jobs_.end(), std::move(job));
  if (ProvideWorkerLocked()) return true;
  jobs_.clear();
  return false;
}

bool WorkerPool::ProvideWorkerLocked() {
  // Spare workers are for short work that finds all others busy.
  const size_t may_be = short_work_.empty() ? max_jobs_ : max_threads_;
  if (short_work_.size() + jobs_.size() > idle_ && threads_.size() < may_be) {
    try {
      threads_.emplace_back([this] { RunWorker(); });
    } catch (const std::system_error&) {
      // No more threads to be had now: those that run will come to it.
      return !threads_.empty();
    }
  } else if (idle_ > 0) {
    work_there_.notify_one();
  }
  return true;
}

bool WorkerPool::has_waiting() const {
  std::lock_guard lock(mutex_);
  return !short_work_.empty() || !jobs_.empty();
}

int WorkerPool::free_threads() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(std::min(max_jobs_ - running_jobs_, max_threads_ - running_));
}

void WorkerPool::RunWorker() {
  pthread_setname_np(pthread_self(), "longbow-worker");
  std::unique_lock lock(mutex_);
  while (true) {
    std::function<void()> work;
    std::shared_ptr<Job> job;
    if (!short_work_.empty()) {
      work = std::move(short_work_.front());
      short_work_.pop_front();
    } else if (!jobs_.empty() && running_jobs_ < max_jobs_) {
      job = std::move(jobs_.front());
      jobs_.pop_front();
      ++running_jobs_;
    } else if (stopping_) {
      // Jobs that are left are taken by those who run jobs now.
      return;
    } else {
      ++idle_;
      work_there_.wait(lock);
      --idle_;
      continue;
    }
    ++running_;
    lock.unlock();
    const bool ran_job = job != nullptr;
    if (ran_job) {
      job->RunJob();
    } else {
      work();
    }
    work = nullptr;
    job.reset();
    lock.lock();
    --running_;
    if (!ran_job) continue;
    --running_jobs_;
    // This worker may take short work next, while a spare one waits that may run the job now.
    if (!jobs_.empty() && !short_work_.empty() && idle_ > 0) work_there_.notify_one();
  }
}

void WorkerPool::Shutdown() {
  std::lock_guard one_at_a_time(shutdown_mutex_);
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_there_.notify_all();
  // Nobody adds a thread any more: `stopping_` is set.
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace longbow
