#include "secret/waiter.h"

namespace longbow::secret {

bool InterruptibleWaiter::Wait(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, duration, [this] { return interrupted_; });
}

void InterruptibleWaiter::Interrupt() {
  std::lock_guard lock(mutex_);
  interrupted_ = true;
  wake_.notify_all();
}

}  // namespace longbow::secret
