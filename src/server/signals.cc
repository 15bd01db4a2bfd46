#include "server/signals.h"

#include <cerrno>
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
  sigaction(SIGHUP, &ignore, &watcher->old_hangup_);
  sigaction(SIGPIPE, &ignore, &watcher->old_pipe_);
  return watcher;
}

SignalWatcher::~SignalWatcher() {
  sigaction(SIGPIPE, &old_pipe_, nullptr);
  sigaction(SIGHUP, &old_hangup_, nullptr);
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  close(fd_);
}

int SignalWatcher::Wait(int other_fd) {
  while (true) {
    struct pollfd fds[2] = {{fd_, POLLIN, 0}, {other_fd, POLLIN, 0}};
    // poll() passes over a descriptor of -1.
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return 0;
    }
    struct signalfd_siginfo info;
    if (fds[0].revents != 0 && read(fd_, &info, sizeof(info)) == sizeof(info)) {
      return static_cast<int>(info.ssi_signo);
    }
    if (fds[1].revents != 0) return 0;
  }
}

}  // namespace longbow::server
