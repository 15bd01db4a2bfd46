#include "task/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include <longbow/error.h>

namespace longbow {
namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

size_t AtLeast(int least, int value) { return static_cast<size_t>(std::max(least, value)); }

bool IsLimited(const WorkerPoolOptions& options) {
  return options.threads_per_owner > 0 && options.threads_per_owner < options.threads;
}

size_t Left(size_t limit, size_t used) { return limit - std::min(limit, used); }

}  // namespace

WorkerPool::WorkerPool(const WorkerPoolOptions& options)
    : max_jobs_(AtLeast(1, options.threads)),
      max_threads_(max_jobs_ + AtLeast(0, options.spare_threads)),
      max_of_owner_(IsLimited(options) ? AtLeast(1, options.threads_per_owner) : kNoLimit),
      max_all_of_owner_(IsLimited(options) ? max_of_owner_ + AtLeast(0, options.spare_threads) / 2
                                           : kNoLimit),
      max_unknown_(AtLeast(1, options.unknown_threads)),
      short_queue_(AtLeast(0, options.short_queue)),
      short_queue_per_owner_(AtLeast(0, options.short_queue_per_owner)),
      unknown_queue_(AtLeast(0, options.unknown_queue)) {}

WorkerPool::~WorkerPool() { Shutdown(); }

arrow::Status WorkerPool::RunSoon(const WorkOwner& owner, std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (stopping_) return MakeError(ErrorCode::kShuttingDown, "The node is shutting down.");
  ARROW_RETURN_NOT_OK(CheckShortQueueLocked(owner));
  short_work_.Push(owner, std::move(work), /*first=*/false);
  if (!ProvideWorkerLocked()) {
    short_work_.TakeBack(owner);
    return MakeError(ErrorCode::kBackpressure,
                     "The machine gives no thread to run the work; try again on another node.");
  }
  return arrow::Status::OK();
}

arrow::Status WorkerPool::CheckShortQueueLocked(const WorkOwner& owner) const {
  // Work that a free worker is about to take does not count as waiting.
  const size_t free = max_threads_ - running_;
  const size_t free_of_owner = std::min(free, ShortLeftLocked(owner));
  if (!owner) {
    if (UnknownWaitingLocked() < unknown_queue_ + free_of_owner) return arrow::Status::OK();
    return MakeError(ErrorCode::kBackpressure,
                     std::to_string(unknown_queue_) +
                         " calls wait to be asked who they are, which is the most; try again in a "
                         "moment, or on another node.");
  }
  if (short_work_.size() - UnknownWaitingLocked() >= short_queue_ + free) {
    return MakeError(ErrorCode::kBackpressure,
                     "All worker threads are busy and the queue of short work is full; try again "
                     "later or on another node.");
  }
  if (short_work_.size(owner) >= short_queue_per_owner_ + free_of_owner) {
    return MakeError(ErrorCode::kBackpressure,
                     "You have " + std::to_string(short_queue_per_owner_) +
                         " pieces of short work that wait for a thread, which is the most for one "
                         "caller; try again when some have run, or on another node.");
  }
  return arrow::Status::OK();
}

bool WorkerPool::Enqueue(std::shared_ptr<Job> job, bool first) {
  std::lock_guard lock(mutex_);
  if (stopping_) return false;
  // Where not even one thread can be had, nothing is queued yet either.
  const std::string owner(job->owner());
  jobs_.Push(owner, std::move(job), first);
  if (ProvideWorkerLocked()) return true;
  jobs_.Clear();
  return false;
}

bool WorkerPool::ProvideWorkerLocked() {
  // Spare workers are for short work that finds all others busy, or stand in for those.
  const size_t may_be = short_work_.empty()
                            ? std::min(max_threads_, max_jobs_ + (running_ - running_jobs_))
                            : max_threads_;
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

int WorkerPool::waiting_short() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(short_work_.size() - UnknownWaitingLocked());
}

int WorkerPool::waiting_unknown() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(UnknownWaitingLocked());
}

std::string WorkerPool::WaitReason(const std::string& owner) const {
  std::lock_guard lock(mutex_);
  if (running_jobs_ >= max_jobs_) {
    return "all " + std::to_string(max_jobs_) + " threads are at work";
  }
  if (JobsLeftLocked(owner) > 0) return {};
  const bool by_jobs = LoadLocked(owner).jobs >= max_of_owner_;
  return "its caller has " + std::to_string(by_jobs ? max_of_owner_ : max_all_of_owner_) +
         " threads at work already, which is the most for one";
}

int WorkerPool::free_threads() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(FreeLocked());
}

int WorkerPool::free_threads(const std::string& owner) const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(std::min(FreeLocked(), JobsLeftLocked(owner)));
}

size_t WorkerPool::FreeLocked() const {
  return std::min(max_jobs_ - running_jobs_, max_threads_ - running_);
}

WorkerPool::Load WorkerPool::LoadLocked(const WorkOwner& owner) const {
  auto it = loads_.find(owner);
  return it == loads_.end() ? Load{} : it->second;
}

size_t WorkerPool::JobsLeftLocked(const std::string& owner) const {
  if (max_of_owner_ == kNoLimit) return kNoLimit;
  const Load load = LoadLocked(owner);
  return std::min(Left(max_of_owner_, load.jobs),
                  Left(max_all_of_owner_, load.jobs + load.short_work));
}

size_t WorkerPool::ShortLeftLocked(const WorkOwner& owner) const {
  if (!owner) return Left(max_unknown_, LoadLocked(owner).short_work);
  if (max_of_owner_ == kNoLimit) return kNoLimit;
  const Load load = LoadLocked(owner);
  return std::min(Left(max_of_owner_, load.short_work),
                  Left(max_all_of_owner_, load.jobs + load.short_work));
}

bool WorkerPool::HasRunnableLocked() const {
  return short_work_.HasRunnable([this](const WorkOwner& owner) {
    return ShortLeftLocked(owner) > 0;
  }) || (running_jobs_ < max_jobs_ &&
         jobs_.HasRunnable([this](const std::string& owner) { return JobsLeftLocked(owner) > 0; }));
}

std::optional<WorkerPool::Taken> WorkerPool::TakeLocked() {
  Taken taken;
  if (auto work =
          short_work_.Pop([this](const WorkOwner& owner) { return ShortLeftLocked(owner) > 0; })) {
    taken.owner = std::move(work->first);
    taken.short_work = std::move(work->second);
    ++loads_[taken.owner].short_work;
  } else if (running_jobs_ < max_jobs_) {
    auto job = jobs_.Pop([this](const std::string& owner) { return JobsLeftLocked(owner) > 0; });
    if (!job) return std::nullopt;
    taken.owner = std::move(job->first);
    taken.job = std::move(job->second);
    taken.is_job = true;
    ++loads_[taken.owner].jobs;
    ++running_jobs_;
  } else {
    return std::nullopt;
  }
  ++running_;
  return taken;
}

void WorkerPool::DoneLocked(const Taken& taken) {
  --running_;
  auto load = loads_.find(taken.owner);
  if (taken.is_job) {
    --running_jobs_;
    --load->second.jobs;
  } else {
    --load->second.short_work;
  }
  if (load->second.jobs + load->second.short_work == 0) loads_.erase(load);
}

void WorkerPool::RunWorker() {
  pthread_setname_np(pthread_self(), "longbow-worker");
  std::unique_lock lock(mutex_);
  while (true) {
    auto taken = TakeLocked();
    if (!taken) {
      // What is left is taken by those who run something of the same owner now.
      if (stopping_) return;
      ++idle_;
      work_there_.wait(lock);
      --idle_;
      continue;
    }
    // What this one has just ended may be what something else had to wait for.
    if (idle_ > 0 && HasRunnableLocked()) work_there_.notify_one();
    lock.unlock();
    if (taken->is_job) {
      taken->job->RunJob();
    } else {
      taken->short_work();
    }
    // What has run is freed without the lock, too.
    taken->job.reset();
    taken->short_work = nullptr;
    lock.lock();
    DoneLocked(*taken);
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
