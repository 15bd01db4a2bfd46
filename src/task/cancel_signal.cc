#include "task/cancel_signal.h"

#include <utility>

namespace longbow {

void CancelSignal::Fire() {
  std::unique_lock lock(mutex_);
  if (fired_.exchange(true, std::memory_order_acq_rel)) return;
  if (callback_) Run(lock, std::exchange(callback_, nullptr));
}

void CancelSignal::SetCallback(std::function<void()> callback) {
  std::function<void()> earlier;  // freed outside of the lock
  std::unique_lock lock(mutex_);
  earlier = std::exchange(callback_, nullptr);
  // From within the callback itself there is nothing to wait for.
  if (running_ > 0 && runner_ != std::this_thread::get_id()) {
    ended_.wait(lock, [this] { return running_ == 0; });
  }
  if (!callback) return;
  if (!fired()) {
    callback_ = std::move(callback);
  } else {
    Run(lock, std::move(callback));
  }
  lock.unlock();
}

void CancelSignal::Run(std::unique_lock<std::mutex>& lock, std::function<void()> callback) {
  ++running_;
  const std::thread::id outer = std::exchange(runner_, std::this_thread::get_id());
  lock.unlock();
  try {
    callback();
  } catch (...) {
    // Waking up what blocks is all that a callback may do; one that throws has no other effect.
  }
  callback = nullptr;
  lock.lock();
  runner_ = outer;
  if (--running_ == 0) ended_.notify_all();
}

}  // namespace longbow
