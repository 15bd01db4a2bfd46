#include "telemetry/log_output.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <longbow/clock.h>
#include <longbow/error.h>

namespace longbow::telemetry {
namespace {

// A pipe that poll() calls writable takes this much without blocking.
constexpr size_t kChunkBytes = 4096;
constexpr mode_t kFileMode = 0640;
constexpr std::string_view kSlowReader = "the reader is too slow";

bool HasRoom(int fd, int wait_ms) {
  struct pollfd polled = {fd, POLLOUT, 0};
  return poll(&polled, 1, wait_ms) > 0;
}

}  // namespace

/// One caller's right to write. Holds the lock, except while it waits for the reader: then others
/// see `waiting_`, and wait for their own time only.
class LogOutput::Turn {
 public:
  explicit Turn(LogOutput* output)
      : output_(output), lock_(output->mutex_), patient_(output->untold_ == 0) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!waiting_) return;
    output_->waiting_ = false;
    output_->turn_over_.notify_all();
  }

  /// Waits until no other turn is going on. False where that takes too long.
  bool Take() {
    const auto free = [this] { return !output_->waiting_; };
    if (free()) return true;
    const int left_ms = LeftMs();
    return left_ms > 0 &&
           output_->turn_over_.wait_for(lock_, std::chrono::milliseconds(left_ms), free);
  }

  /// Waits until no other turn is going on, however long its wait may be.
  void TakeForSure() {
    output_->turn_over_.wait(lock_, [this] { return !output_->waiting_; });
  }

  /// Waits until the descriptor takes something, or is broken. False where that takes too long.
  bool WaitForRoom() {
    if (HasRoom(output_->fd_, 0)) return true;
    for (int left_ms = LeftMs(); left_ms > 0; left_ms = LeftMs()) {
      waiting_ = output_->waiting_ = true;
      const int fd = output_->fd_;
      lock_.unlock();
      const bool has_room = HasRoom(fd, left_ms);
      lock_.lock();
      if (has_room) return true;
    }
    return false;
  }

  /// The reader has taken something: it is worth waiting for it again.
  void BecomePatient() { patient_ = true; }

  /// The time begins when it is first asked for. It is real time: a reader's, not a test's.
  int LeftMs() {
    if (!patient_) return 0;
    const MonotonicTime now = MonotonicTime::clock::now();
    if (!deadline_) deadline_ = now + std::chrono::milliseconds(output_->options_.max_wait_ms);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - now).count();
    return static_cast<int>(std::max<int64_t>(left, 0));
  }

 private:
  LogOutput* const output_;
  std::unique_lock<std::mutex> lock_;
  bool patient_;
  bool waiting_ = false;
  std::optional<MonotonicTime> deadline_;
};

arrow::Result<std::unique_ptr<LogOutput>> LogOutput::Open(LogOutputOptions options) {
  std::unique_ptr<LogOutput> output(new LogOutput(std::move(options)));
  ARROW_RETURN_NOT_OK(output->Reopen());
  return output;
}

LogOutput::~LogOutput() {
  if (!options_.file.empty() && fd_ >= 0) close(fd_);
}

LogOutput::Kind LogOutput::KindOf(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Kind::kPolled;
  if (S_ISSOCK(info.st_mode)) return Kind::kSocket;
  if (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode)) return Kind::kDirect;
  return S_ISCHR(info.st_mode) && isatty(fd) == 0 ? Kind::kDirect : Kind::kPolled;
}

arrow::Result<int> LogOutput::OpenFile() const {
  // Without O_NONBLOCK, a named pipe that nobody reads would hold up the start for ever.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = -1;
  do {
    fd = open(options_.file.c_str(), kFlags, kFileMode);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return fd;
  return MakeError(ErrorCode::kBadArgument,
                   "The log file " + options_.file + " cannot be opened: " + std::strerror(errno),
                   "Its folder must exist, and the server must be allowed to write there.");
}

arrow::Status LogOutput::Reopen() {
  int fd = options_.fd;
  if (!options_.file.empty()) {
    ARROW_ASSIGN_OR_RAISE(fd, OpenFile());
  }
  int old = -1;
  {
    Turn turn(this);
    turn.TakeForSure();
    kind_ = KindOf(fd);
    old = std::exchange(fd_, fd);
    if (old != fd) torn_ = false;
  }
  if (!options_.file.empty() && old >= 0) close(old);
  return arrow::Status::OK();
}

void LogOutput::Write(std::string_view line) {
  Turn turn(this);
  if (!turn.Take()) {
    drop_reason_ = kSlowReader;
    CountDropped();
  } else if ((untold_ > 0 && !WriteNotice(&turn)) || !WriteAll(line, &turn)) {
    CountDropped();
  }
}

void LogOutput::TellDropped() {
  Turn turn(this);
  if (untold_ > 0 && turn.Take()) WriteNotice(&turn);
}

bool LogOutput::WriteNotice(Turn* turn) {
  if (!WriteAll(options_.notice(untold_, drop_reason_), turn)) return false;
  untold_ = 0;
  turn->BecomePatient();
  return true;
}

bool LogOutput::WriteAll(std::string_view line, Turn* turn) {
  // A line that broke off in its middle is ended before the next one.
  if (torn_ && !Send("\n", turn)) return false;
  if (!Send(line, turn)) return false;
  written_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool LogOutput::Send(std::string_view text, Turn* turn) {
  const size_t size = text.size();
  bool failed = false;
  while (!text.empty() && !failed) {
    if (kind_ == Kind::kPolled && !turn->WaitForRoom()) {
      drop_reason_ = kSlowReader;
      break;
    }
    const int64_t sent = SendSome(text);
    if (sent > 0) {
      text.remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      failed = turn->LeftMs() == 0 || !turn->WaitForRoom();
      if (failed) drop_reason_ = kSlowReader;
    } else if (sent == 0 || errno != EINTR) {
      drop_reason_ = sent == 0 ? "nothing was taken" : std::strerror(errno);
      failed = true;
    }
  }
  if (text.size() < size) torn_ = !text.empty();
  return text.empty();
}

int64_t LogOutput::SendSome(std::string_view text) const {
  switch (kind_) {
    case Kind::kSocket:
      return send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::kPolled:
      return write(fd_, text.data(), std::min(text.size(), kChunkBytes));
    case Kind::kDirect:
      break;
  }
  return write(fd_, text.data(), text.size());
}

void LogOutput::CountDropped() {
  ++untold_;
  dropped_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace longbow::telemetry
