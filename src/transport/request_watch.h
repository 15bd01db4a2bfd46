/// \file
/// How long calls wait for the first message of their clients. Until that is there, a call costs
/// its client nothing and holds a place among those that the node serves at a time.
#pragma once

#include <chrono>
#include <list>
#include <mutex>

#include <longbow/clock.h>

#include "base/timer.h"

namespace longbow::transport {

/// Thread-safe. One timer for all calls: they have the same limit, so the oldest is due first.
class RequestWatch {
 public:
  /// Who waits for a message.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    /// The message is overdue, and is not watched for any more. On the timer's thread; must not
    /// block.
    virtual void OnRequestOverdue() = 0;

   private:
    friend class RequestWatch;
    MonotonicTime due_;
    std::list<Waiter*>::iterator place_;
    bool watched_ = false;
  };

  /// `clock` and `timer` outlive it, and no callback of `timer` runs any more when it goes.
  RequestWatch(std::chrono::milliseconds limit, const Clock* clock, Timer* timer)
      : limit_(limit), clock_(clock), timer_(timer) {}
  RequestWatch(const RequestWatch&) = delete;
  RequestWatch& operator=(const RequestWatch&) = delete;

  std::chrono::milliseconds limit() const { return limit_; }

  /// `waiter` waits from now on, and stays until `End` says true or it was told.
  void Begin(Waiter* waiter);
  /// The message has come, or will not be waited for. False where the waiter is not watched: it was
  /// told, or is being told.
  bool End(Waiter* waiter);

 private:
  void Schedule(MonotonicTime when);
  void TellOverdue();

  const std::chrono::milliseconds limit_;
  const Clock* const clock_;
  Timer* const timer_;
  std::mutex mutex_;
  std::list<Waiter*> waiters_;  // the oldest first
  bool scheduled_ = false;
};

}  // namespace longbow::transport
