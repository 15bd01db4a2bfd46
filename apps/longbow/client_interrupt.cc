#include "client_interrupt.h"

#include <pthread.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "commands.h"

namespace longbow::client {
namespace {

// Ends the watching thread; blocked like the two others, so that nobody else sees it.
constexpr int kStopSignal = SIGUSR1;

sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, kStopSignal);
  return signals;
}

}  // namespace

struct InterruptGuard::State {
  std::mutex mutex;
  std::map<int, std::function<void()>> cleanups;
  int next_id = 1;
  sigset_t before;
  std::thread watcher;

  void Watch() {
    const sigset_t signals = WatchedSignals();
    int signal = 0;
    while (sigwait(&signals, &signal) != 0) {
    }
    if (signal == kStopSignal) return;
    // From here on a second signal kills, as the user expects.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    // Holding the lock keeps the main thread from going on with what is being tidied up.
    std::lock_guard lock(mutex);
    for (auto it = cleanups.rbegin(); it != cleanups.rend(); ++it) it->second();
    // In place of a line of progress.
    if (isatty(STDERR_FILENO) == 1) {
      constexpr char kGoodbye[] = "\r\x1b[Kinterrupted\n";
      const ssize_t ignored = ::write(STDERR_FILENO, kGoodbye, sizeof(kGoodbye) - 1);
      (void)ignored;
    }
    // Not exit(): the other threads are in the middle of something.
    _exit(app::kExitInterrupted);
  }
};

InterruptGuard::InterruptGuard() : state_(std::make_unique<State>()) {
  const sigset_t signals = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, &state_->before);
  std::signal(SIGPIPE, SIG_IGN);
  state_->watcher = std::thread([state = state_.get()] { state->Watch(); });
}

InterruptGuard::~InterruptGuard() {
  pthread_kill(state_->watcher.native_handle(), kStopSignal);
  state_->watcher.join();
  pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

InterruptGuard::Cleanup InterruptGuard::OnInterrupt(std::function<void()> work) {
  std::lock_guard lock(state_->mutex);
  Cleanup cleanup;
  cleanup.guard_ = this;
  cleanup.id_ = state_->next_id++;
  state_->cleanups[cleanup.id_] = std::move(work);
  return cleanup;
}

InterruptGuard::Cleanup::Cleanup(Cleanup&& other) noexcept
    : guard_(std::exchange(other.guard_, nullptr)), id_(other.id_) {}

InterruptGuard::Cleanup& InterruptGuard::Cleanup::operator=(Cleanup&& other) noexcept {
  if (this != &other) {
    Release();
    guard_ = std::exchange(other.guard_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

InterruptGuard::Cleanup::~Cleanup() { Release(); }

void InterruptGuard::Cleanup::Release() {
  if (guard_ == nullptr) return;
  std::lock_guard lock(guard_->state_->mutex);
  guard_->state_->cleanups.erase(id_);
  guard_ = nullptr;
}

}  // namespace longbow::client
