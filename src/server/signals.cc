#include "server/signals.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string>

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <longbow/error.h>

namespace longbow::server {

arrow::Result<std::unique_ptr<SignalWatcher>> SignalWatcher::Make() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGHUP);
  const int fd = signalfd(-1, &wanted, SFD_CLOEXEC);
  if (fd < 0) {
    return MakeError(ErrorCode::kInternalError,
                     std::string("Signals cannot be waited for: ") + std::strerror(errno));
  }
  std::unique_ptr<SignalWatcher> watcher(new SignalWatcher());
  watcher->fd_ = fd;
  pthread_sigmask(SIG_BLOCK, &wanted, &watcher->old_mask_);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &watcher->old_pipe_);
  return watcher;
}

SignalWatcher::~SignalWatcher() {
  sigaction(SIGPIPE, &old_pipe_, nullptr);
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  close(fd_);
}

int SignalWatcher::Wait(int other_fd, std::optional<std::chrono::milliseconds> limit) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + limit.value_or(std::chrono::milliseconds(0));
  while (true) {
    struct pollfd fds[2] = {{fd_, POLLIN, 0}, {other_fd, POLLIN, 0}};
    int wait_ms = -1;
    if (limit) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      wait_ms = static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
    }
    // poll() passes over a descriptor of -1.
    const int ready = poll(fds, 2, wait_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return 0;
    struct signalfd_siginfo info;
    if (fds[0].revents != 0 && read(fd_, &info, sizeof(info)) == sizeof(info)) {
      return static_cast<int>(info.ssi_signo);
    }
    if (fds[1].revents != 0) return 0;
  }
}

}  // namespace longbow::server
