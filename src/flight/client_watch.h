/// \file
/// How long a call waits for its client: for its next message, or until it takes what it is told.
/// What the node itself takes its time for does not count.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <longbow/clock.h>

#include "base/timer.h"

namespace longbow::flight {

/// One wait at a time. Thread-safe. Begin and end of a wait cost no timer: the one that there is
/// looks when the limit may be over, and is set anew.
class ClientWatch : public std::enable_shared_from_this<ClientWatch> {
 public:
  struct Parts {
    std::chrono::nanoseconds limit{0};
    const Clock* clock = nullptr;  ///< outlives it
    Timer* timer = nullptr;        ///< outlives it
    /// Runs when a wait was too long, on the timer's thread or that of `End`, perhaps on both. Must
    /// not block.
    std::function<void()> on_overdue = {};
  };
  static std::shared_ptr<ClientWatch> Make(Parts parts);
  ~ClientWatch();
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

  /// From now on it is the client's turn.
  void Begin();
  /// The client has done something else: a wait that is under way begins anew.
  void Restart();
  /// It is the node's. False where the client was overdue: `on_overdue` has run.
  bool End();

 private:
  explicit ClientWatch(Parts parts) : parts_(std::move(parts)) {}
  void ScheduleLocked(MonotonicTime when);
  void Look();

  const Parts parts_;
  std::mutex mutex_;
  std::optional<MonotonicTime> waits_since_;
  bool overdue_ = false;
  int64_t timer_ = 0;  // 0: none is set
};

}  // namespace longbow::flight
