/// \file
/// Waiting as an interface, so that tests need not, and a stop need not either.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace longbow::secret {

/// Thread-safe.
class Waiter {
 public:
  virtual ~Waiter() = default;
  /// Blocks for `duration`. False, at once, after `Interrupt`.
  virtual bool Wait(std::chrono::milliseconds duration) = 0;
  /// Ends all waits, those that run and those to come.
  virtual void Interrupt() = 0;
};

/// Really waits.
class InterruptibleWaiter : public Waiter {
 public:
  bool Wait(std::chrono::milliseconds duration) override;
  void Interrupt() override;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool interrupted_ = false;
};

}  // namespace longbow::secret
