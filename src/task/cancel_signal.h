/// \file
/// The one-way switch that tells running code that nobody wants its result any more.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace longbow {

/// Thread-safe.
class CancelSignal {
 public:
  bool fired() const { return fired_.load(std::memory_order_acquire); }

  /// Runs the callback on this thread. Later calls do nothing.
  void Fire();

  /// Sets what `Fire` runs; runs it at once where it has fired. Returns when an earlier callback
  /// that is being run on another thread has ended. An empty function removes.
  void SetCallback(std::function<void()> callback);

 private:
  /// Runs `callback` without the lock; its exceptions end here, for `Fire` has nobody to tell.
  void Run(std::unique_lock<std::mutex>& lock, std::function<void()> callback);

  std::atomic<bool> fired_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  std::function<void()> callback_;
  int running_ = 0;
  std::thread::id runner_;
};

}  // namespace longbow
