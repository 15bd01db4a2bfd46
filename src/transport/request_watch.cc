#include "transport/request_watch.h"

namespace longbow::transport {

void RequestWatch::Begin(Waiter* waiter) {
  std::lock_guard lock(mutex_);
  waiter->due_ = clock_->Now() + limit_;
  waiter->place_ = waiters_.insert(waiters_.end(), waiter);
  waiter->watched_ = true;
  if (!scheduled_) Schedule(waiter->due_);
}

bool RequestWatch::End(Waiter* waiter) {
  std::lock_guard lock(mutex_);
  if (!waiter->watched_) return false;
  waiter->watched_ = false;
  waiters_.erase(waiter->place_);
  return true;
}

void RequestWatch::Schedule(MonotonicTime when) {
  scheduled_ = true;
  timer_->Schedule(when, [this] { TellOverdue(); });
}

void RequestWatch::TellOverdue() {
  std::list<Waiter*> overdue;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = false;
    const MonotonicTime now = clock_->Now();
    auto end = waiters_.begin();
    for (; end != waiters_.end() && (*end)->due_ <= now; ++end) (*end)->watched_ = false;
    overdue.splice(overdue.end(), waiters_, waiters_.begin(), end);
    if (!waiters_.empty()) Schedule(waiters_.front()->due_);
  }
  for (Waiter* waiter : overdue) waiter->OnRequestOverdue();
}

}  // namespace longbow::transport
