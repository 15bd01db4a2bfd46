/// \file
/// How many calls of each kind run at once, and how long others wait for their turn.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include <arrow/result.h>

#include "base/timer.h"
#include "transport/call.h"

namespace longbow::flight {

/// Calls that cost alike share a limit.
enum class CallKind {
  kInfo,      ///< GetFlightInfo, PollFlightInfo, GetSchema, ListFlights
  kGet,       ///< DoGet
  kPut,       ///< DoPut
  kExchange,  ///< DoExchange
  kAction,    ///< DoAction, ListActions, Handshake
};
inline constexpr size_t kCallKinds = 5;

CallKind KindOf(transport::Method method);
/// `info`
std::string_view CallKindName(CallKind kind);

struct AdmissionLimits {
  /// Calls of each kind that run at once.
  std::array<int, kCallKinds> running = {10000, 10000, 2000, 64, 1000};
  /// Calls of each kind that wait while so many run; more are refused at once.
  int waiting = 1000;
  std::chrono::milliseconds max_wait{30};
};

/// Who wants to know of a call's wait; either may be empty.
struct WaitObserver {
  /// Before the wait. `give_up` ends it, unless it has ended; thread-safe. Must neither block nor
  /// call back before it has returned.
  std::function<void(std::function<void()> give_up)> on_begin = {};
  /// After it, and before what comes of it.
  std::function<void()> on_end = {};
};

/// Thread-safe. Callbacks run on the thread of the call that makes room, on that which gives the
/// wait up, or on the timer's.
class Admission {
 public:
  /// A call's place among those that run; gives it up when it goes.
  class Place {
   public:
    Place() = default;
    Place(Admission* admission, CallKind kind) : admission_(admission), kind_(kind) {}
    Place(Place&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), kind_(other.kind_) {}
    Place& operator=(Place&& other) noexcept;
    ~Place() { GiveUp(); }

   private:
    void GiveUp();
    Admission* admission_ = nullptr;
    CallKind kind_ = CallKind::kInfo;
  };
  /// What happens when it is a call's turn, it has waited for too long (BACKPRESSURE), or has given
  /// its wait up (COMMAND_CANCELLED).
  using Entered = std::function<void(arrow::Result<Place>)>;

  /// `timer` and `clock` outlive it; it outlives all places.
  Admission(const AdmissionLimits& limits, const Clock* clock, Timer* timer)
      : limits_(limits), clock_(clock), timer_(timer) {}
  /// Those that wait are dropped.
  ~Admission() = default;
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// `entered` runs once: at once where there is room, or none to wait either; else later.
  void Enter(CallKind kind, Entered entered, WaitObserver observer = {});

  int64_t running(CallKind kind) const;
  int64_t waiting(CallKind kind) const;
  const AdmissionLimits& limits() const { return limits_; }

 private:
  struct Waiter {
    Entered entered;
    std::function<void()> on_end;
    int64_t timer = 0;
  };
  using WaiterPtr = std::shared_ptr<Waiter>;
  struct Lane {
    int running = 0;
    bool admitting = false;  ///< a thread lets those in for whom there is room
    std::deque<WaiterPtr> waiters;
  };

  Lane& lane(CallKind kind) { return lanes_[static_cast<size_t>(kind)]; }
  const Lane& lane(CallKind kind) const { return lanes_[static_cast<size_t>(kind)]; }
  int limit(CallKind kind) const { return limits_.running[static_cast<size_t>(kind)]; }
  void Leave(CallKind kind);
  /// Takes the waiter out, if it waits still, and tells it `why`.
  void EndWait(CallKind kind, const WaiterPtr& waiter, const arrow::Status& why);
  arrow::Status Refusal(CallKind kind) const;

  const AdmissionLimits limits_;
  const Clock* const clock_;
  Timer* const timer_;
  mutable std::mutex mutex_;
  std::array<Lane, kCallKinds> lanes_;
};

}  // namespace longbow::flight
