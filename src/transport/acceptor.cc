#include "transport/acceptor.h"

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <longbow/error.h>

namespace longbow::transport {
namespace {

constexpr std::chrono::milliseconds kCountEvery{100};
constexpr std::chrono::seconds kTellEvery{10};
// When the system has no descriptor or memory left, a connection stays where it waits.
constexpr int kPauseMs = 100;
// From one socket in a row, so that others get their turn.
constexpr int kAcceptsInARow = 64;

void SetTcpOptions(int connection, int user_timeout_sec) {
  const int yes = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  const int timeout_ms = user_timeout_sec * 1000;
  if (timeout_ms > 0) {
    setsockopt(connection, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
  }
}

}  // namespace

Acceptor::Acceptor(AcceptorOptions options, std::vector<Source> sources,
                   std::function<int64_t()> count_open)
    : options_(options), sources_(std::move(sources)), count_open_(std::move(count_open)) {}

arrow::Status Acceptor::Start() {
  stop_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (stop_.fd() < 0) {
    return MakeError(ErrorCode::kInternalError, "no file descriptor is left to accept connections",
                     "Raise the limit of open files (ulimit -n).");
  }
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "longbow-accept");
  return arrow::Status::OK();
}

Acceptor::~Acceptor() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.fd(), 1);
  thread_.join();
}

void Acceptor::Run() {
  std::vector<pollfd> polled{{stop_.fd(), POLLIN, 0}};
  std::vector<const Source*> source_of{nullptr};
  for (const Source& source : sources_) {
    for (const Descriptor& descriptor : source.socket->descriptors()) {
      polled.push_back({descriptor.fd(), POLLIN, 0});
      source_of.push_back(&source);
    }
  }
  while (true) {
    if (poll(polled.data(), polled.size(), /*timeout=*/-1) < 0) continue;  // a signal
    if (polled[0].revents != 0) return;
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents != 0) AcceptAll(*source_of[i], polled[i].fd);
    }
  }
}

void Acceptor::AcceptAll(const Source& source, int listener) {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) Pause();
      return;
    }
    if (!MayTake()) {
      close(connection);
      TellRefusal();
      continue;
    }
    if (source.socket->path().empty()) SetTcpOptions(connection, options_.user_timeout_sec);
    source.take(listener, connection);
  }
}

bool Acceptor::MayTake() {
  if (open_ >= options_.max_connections) {
    const MonotonicTime now = MonotonicTime::clock::now();
    if (counted_ && now - *counted_ < kCountEvery) return false;
    counted_ = now;
    // The one in question is among them.
    open_ = count_open_() - 1;
    if (open_ >= options_.max_connections) return false;
  }
  ++open_;
  return true;
}

void Acceptor::TellRefusal() {
  const MonotonicTime now = MonotonicTime::clock::now();
  if (options_.logger == nullptr || (told_ && now - *told_ < kTellEvery)) return;
  told_ = now;
  options_.logger->Warning(
      "connections are refused: there are as many as max_connections of [server]",
      {{"max_connections", std::to_string(options_.max_connections)}});
}

void Acceptor::Pause() {
  pollfd stop{stop_.fd(), POLLIN, 0};
  poll(&stop, 1, kPauseMs);
}

}  // namespace longbow::transport
