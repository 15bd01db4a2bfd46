#include "task/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <longbow/error.h>

namespace longbow {

WorkerPool::WorkerPool(int threads, int short_queue_length, int spare_threads,
                       int threads_per_owner)
    : max_jobs_(static_cast<size_t>(std::max(threads, 1))),
      max_threads_(max_jobs_ + static_cast<size_t>(std::max(spare_threads, 0))),
      short_queue_length_(static_cast<size_t>(std::max(short_queue_length, 0))),
      max_per_owner_(static_cast<size_t>(std::max(threads_per_owner, 0))),
      jobs_(max_per_owner_) {}

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
  const std::string_view owner = job->owner();
  jobs_.Push(owner, std::move(job), first);
  if (ProvideWorkerLocked()) return true;
  jobs_.Clear();
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

int WorkerPool::running_jobs() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(running_jobs_);
}

std::string WorkerPool::WaitReason(std::string_view owner) const {
  std::lock_guard lock(mutex_);
  if (running_jobs_ >= max_jobs_) {
    return "all " + std::to_string(max_jobs_) + " threads are at work";
  }
  if (FreeOfOwnerLocked(owner) > 0) return {};
  return "its caller has " + std::to_string(max_per_owner_) +
         " threads at work already, which is the most for one";
}

int WorkerPool::free_threads() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(FreeLocked());
}

int WorkerPool::free_threads(std::string_view owner) const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(std::min(FreeLocked(), FreeOfOwnerLocked(owner)));
}

size_t WorkerPool::FreeLocked() const {
  return std::min(max_jobs_ - running_jobs_, max_threads_ - running_);
}

size_t WorkerPool::FreeOfOwnerLocked(std::string_view owner) const {
  if (max_per_owner_ == 0) return max_jobs_;
  return max_per_owner_ - std::min(max_per_owner_, jobs_.running(owner));
}

void WorkerPool::RunWorker() {
  pthread_setname_np(pthread_self(), "longbow-worker");
  std::unique_lock lock(mutex_);
  while (true) {
    std::function<void()> work;
    std::optional<std::pair<std::string, std::shared_ptr<Job>>> job;
    if (!short_work_.empty()) {
      work = std::move(short_work_.front());
      short_work_.pop_front();
    } else if (running_jobs_ < max_jobs_ && (job = jobs_.Pop())) {
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
    if (job) {
      job->second->RunJob();
      job->second.reset();
    } else {
      work();
    }
    work = nullptr;
    lock.lock();
    --running_;
    if (!job) continue;
    jobs_.Done(job->first);
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
