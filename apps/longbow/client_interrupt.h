/// \file
/// Ctrl-C in a client command: tidy up on the server, then end with 130.
#pragma once

#include <functional>
#include <memory>

namespace longbow::client {

/// While it lives, SIGINT and SIGTERM run the cleanups, newest first, and end the process with 130,
/// whatever its other threads are doing. A second signal ends it at once. SIGPIPE is ignored.
///
/// Made before any other thread is started, so that all inherit the blocked signals; once per
/// process. Thread-safe.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Work for the case of an interrupt, dropped when the handle is. It runs on a thread of its own
  /// and must end in a few seconds.
  class Cleanup {
   public:
    Cleanup() = default;
    Cleanup(Cleanup&& other) noexcept;
    Cleanup& operator=(Cleanup&& other) noexcept;
    ~Cleanup();
    /// Drops it. Returns only when a running one has ended, which is never: the process ends.
    void Release();

   private:
    friend class InterruptGuard;
    InterruptGuard* guard_ = nullptr;
    int id_ = 0;
  };
  Cleanup OnInterrupt(std::function<void()> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::client
