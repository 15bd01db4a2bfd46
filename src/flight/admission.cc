#include "flight/admission.h"

#include <algorithm>
#include <string>
#include <utility>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

arrow::Status Gone() {
  return MakeError(ErrorCode::kCommandCancelled, "the caller went away before its turn");
}

}  // namespace

using transport::Method;

CallKind KindOf(Method method) {
  switch (method) {
    case Method::kGetFlightInfo:
    case Method::kPollFlightInfo:
    case Method::kGetSchema:
    case Method::kListFlights:
      return CallKind::kInfo;
    case Method::kDoGet:
      return CallKind::kGet;
    case Method::kDoPut:
      return CallKind::kPut;
    case Method::kDoExchange:
      return CallKind::kExchange;
    case Method::kHandshake:
    case Method::kDoAction:
    case Method::kListActions:
      return CallKind::kAction;
  }
  return CallKind::kAction;
}

std::string_view CallKindName(CallKind kind) {
  constexpr std::string_view kNames[kCallKinds] = {"info", "get", "put", "exchange", "action"};
  return kNames[static_cast<size_t>(kind)];
}

Admission::Place& Admission::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    GiveUp();
    admission_ = std::exchange(other.admission_, nullptr);
    kind_ = other.kind_;
  }
  return *this;
}

void Admission::Place::GiveUp() {
  if (Admission* admission = std::exchange(admission_, nullptr)) admission->Leave(kind_);
}

arrow::Status Admission::Refusal(CallKind kind) const {
  return MakeError(ErrorCode::kBackpressure,
                   "This node has " + std::to_string(limit(kind)) + " calls of the kind '" +
                       std::string(CallKindName(kind)) +
                       "' at work, which is the most; try again in a moment, or another node.");
}

void Admission::Enter(CallKind kind, Entered entered, WaitObserver observer) {
  {
    std::unique_lock lock(mutex_);
    Lane& of = lane(kind);
    const bool room = of.running < limit(kind) && of.waiters.empty();
    const bool may_wait = limits_.max_wait.count() > 0 &&
                          of.waiters.size() < static_cast<size_t>(std::max(limits_.waiting, 0));
    if (room) {
      ++of.running;
      lock.unlock();
      return entered(Place(this, kind));
    }
    if (may_wait) {
      auto waiter =
          std::make_shared<Waiter>(Waiter{std::move(entered), std::move(observer.on_end)});
      // Under the lock: what comes of the wait comes after this.
      if (observer.on_begin) {
        observer.on_begin([this, kind, weak = std::weak_ptr<Waiter>(waiter)] {
          if (auto gone = weak.lock()) EndWait(kind, gone, Gone());
        });
      }
      of.waiters.push_back(waiter);
      waiter->timer = timer_->Schedule(clock_->Now() + limits_.max_wait, [this, kind, waiter] {
        EndWait(kind, waiter, Refusal(kind));
      });
      return;
    }
  }
  entered(Refusal(kind));
}

void Admission::EndWait(CallKind kind, const WaiterPtr& waiter, const arrow::Status& why) {
  {
    std::lock_guard lock(mutex_);
    if (std::erase(lane(kind).waiters, waiter) == 0) return;
  }
  timer_->Cancel(waiter->timer);
  if (waiter->on_end) waiter->on_end();
  waiter->entered(why);
}

// A call that is let in may end within the callback, and so make room for the next: one thread
// lets them in, one after the other, instead of one within the other.
void Admission::Leave(CallKind kind) {
  std::unique_lock lock(mutex_);
  Lane& of = lane(kind);
  --of.running;
  if (of.admitting) return;
  of.admitting = true;
  while (of.running < limit(kind) && !of.waiters.empty()) {
    WaiterPtr next = std::move(of.waiters.front());
    of.waiters.pop_front();
    ++of.running;
    lock.unlock();
    timer_->Cancel(next->timer);
    if (next->on_end) next->on_end();
    next->entered(Place(this, kind));
    next.reset();
    lock.lock();
  }
  of.admitting = false;
}

int64_t Admission::running(CallKind kind) const {
  std::lock_guard lock(mutex_);
  return lane(kind).running;
}

int64_t Admission::waiting(CallKind kind) const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(lane(kind).waiters.size());
}

}  // namespace longbow::flight
