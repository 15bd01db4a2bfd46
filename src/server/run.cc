#include "server/run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace longbow::server {
namespace {

using std::chrono::milliseconds;

// Behind the grace time, for all that should take no time.
constexpr milliseconds kEndLimit{900};

// Work on a thread of its own, whose end can be waited for together with signals.
class Background {
 public:
  explicit Background(std::function<void()> work)
      : done_(eventfd(0, EFD_CLOEXEC)), thread_([this, work = std::move(work)] {
          work();
          finished_ = true;
          if (done_ >= 0) eventfd_write(done_, 1);
        }) {}
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() {
    thread_.join();
    if (done_ >= 0) close(done_);
  }
  bool finished() const { return finished_; }
  /// -1 where the system has no descriptor left: then only signals can be waited for.
  int fd() const { return done_; }

 private:
  const int done_;
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

// Reloads on a thread of its own, one at a time, so that a module or a disk that hangs keeps no
// signal waiting. However often it is asked while it is at work, it does it once more.
class Reloads {
 public:
  explicit Reloads(Node* node) : node_(node), thread_([this] { Run(); }) {
    pthread_setname_np(thread_.native_handle(), "longbow-reload");
  }
  Reloads(const Reloads&) = delete;
  Reloads& operator=(const Reloads&) = delete;
  /// Waits for the one that is at work.
  ~Reloads() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// Does not wait.
  void Ask() {
    {
      std::lock_guard lock(mutex_);
      asked_ = true;
    }
    changed_.notify_all();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return asked_ || stopping_; });
      if (stopping_) return;
      asked_ = false;
      lock.unlock();
      node_->Reload();
      lock.lock();
    }
  }

  Node* const node_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

[[noreturn]] void EndAtOnce(Node* node, const std::string& why) {
  node->logger().Error("longbow ends at once: " + why);
  std::_Exit(1);
}

bool IsReload(int signal) { return signal == SIGHUP; }

std::string NameOf(int signal) { return std::string("the signal \"") + strsignal(signal) + "\""; }

// The next signal that is to stop it; 0 where `done` is at its end or `until` has come before. What
// there is to reload does not matter to a node that stops.
int WaitForSecond(SignalWatcher* signals, const Background& done,
                  std::chrono::steady_clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    const int signal = signals->Wait(done.fd(), std::max(left, milliseconds(0)));
    if (!IsReload(signal)) return signal;
  }
}

// Waits for the node to start. True where it was told to stop meanwhile. `reload`: whether it was
// told to read its settings again, which it has read before.
bool StartUnlessStopped(Node* node, SignalWatcher* signals, arrow::Status* started, bool* reload) {
  Background start([node, started] { *started = node->Start(); });
  int signal = signals->Wait(start.fd());
  while (IsReload(signal)) {
    *reload = true;
    signal = signals->Wait(start.fd());
  }
  if (signal == 0) return false;
  node->logger().Info("longbow is stopping while it starts, because of " + NameOf(signal));
  const auto until = std::chrono::steady_clock::now() + kEndLimit;
  if (WaitForSecond(signals, start, until) != 0) EndAtOnce(node, "a second signal");
  // A module may take minutes, and has nothing to lose yet.
  if (!start.finished()) EndAtOnce(node, "a module is still starting");
  return true;
}

void ShutDown(Node* node, SignalWatcher* signals) {
  Background shutdown([node] { node->Shutdown(); });
  const auto until = std::chrono::steady_clock::now() + node->shutdown_grace() + kEndLimit;
  const int signal = WaitForSecond(signals, shutdown, until);
  if (shutdown.finished()) return;
  const std::string waits_for = "it was waiting for " + node->shutdown_step();
  EndAtOnce(node, (signal != 0 ? "a second signal; " : "the grace time is over; ") + waits_for);
}

}  // namespace

arrow::Status RunUntilSignal(Node* node, SignalWatcher* signals) {
  arrow::Status started;
  bool reload = false;
  const bool stopped = StartUnlessStopped(node, signals, &started, &reload);
  if (node->hung()) EndAtOnce(node, started.message());
  ARROW_RETURN_NOT_OK(started);
  Reloads reloads(node);
  if (reload && !stopped) reloads.Ask();
  int signal = stopped ? SIGTERM : signals->Wait();
  while (IsReload(signal)) {
    reloads.Ask();
    signal = signals->Wait();
  }
  if (!stopped) {
    node->logger().Info("longbow is stopping, because of " + NameOf(signal) +
                        "; a second one stops it at once");
  }
  ShutDown(node, signals);
  return arrow::Status::OK();
}

}  // namespace longbow::server
