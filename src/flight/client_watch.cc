#include "flight/client_watch.h"

#include <utility>

namespace longbow::flight {

std::shared_ptr<ClientWatch> ClientWatch::Make(Parts parts) {
  return std::shared_ptr<ClientWatch>(new ClientWatch(std::move(parts)));
}

ClientWatch::~ClientWatch() {
  if (timer_ != 0) parts_.timer->Cancel(timer_);
}

void ClientWatch::Begin() {
  const MonotonicTime now = parts_.clock->Now();
  std::lock_guard lock(mutex_);
  waits_since_ = now;
  if (timer_ == 0) ScheduleLocked(now + parts_.limit);
}

void ClientWatch::Restart() {
  const MonotonicTime now = parts_.clock->Now();
  std::lock_guard lock(mutex_);
  if (waits_since_) waits_since_ = now;
}

bool ClientWatch::End() {
  {
    std::lock_guard lock(mutex_);
    waits_since_.reset();
    if (!overdue_) return true;
  }
  // The timer's thread may not have got to it yet, and who is told of this must find it done.
  parts_.on_overdue();
  return false;
}

void ClientWatch::ScheduleLocked(MonotonicTime when) {
  timer_ = parts_.timer->Schedule(when, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->Look();
  });
}

void ClientWatch::Look() {
  {
    std::lock_guard lock(mutex_);
    timer_ = 0;
    // The next wait sets it again.
    if (!waits_since_ || overdue_) return;
    const MonotonicTime due = *waits_since_ + parts_.limit;
    if (parts_.clock->Now() < due) return ScheduleLocked(due);
    overdue_ = true;
  }
  parts_.on_overdue();
}

}  // namespace longbow::flight
