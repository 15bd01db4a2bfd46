#include "http/connection_table.h"

#include <pthread.h>
#include <sys/socket.h>

#include <string>

namespace longbow::http {
namespace {

constexpr std::chrono::seconds kTellEvery{10};

}  // namespace

ConnectionTable::ConnectionTable(ConnectionTableOptions options) : options_(options) {}

ConnectionTable::~ConnectionTable() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void ConnectionTable::Start() {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "longbow-http-t");
}

ConnectionTable::Place ConnectionTable::Add(int socket) {
  std::lock_guard lock(mutex_);
  const MonotonicTime now = options_.clock->Now();
  while (!open_.empty() && open_.size() >= options_.max_connections) {
    Cut(open_.begin());
    TellNoRoom(now);
  }
  open_.push_back(Entry{socket, now + options_.timeout});
  if (open_.size() == 1) changed_.notify_all();
  return std::prev(open_.end());
}

void ConnectionTable::Restart(Place place) {
  std::lock_guard lock(mutex_);
  if (place->cut) return;
  place->deadline = options_.clock->Now() + options_.timeout;
  open_.splice(open_.end(), open_, place);
}

void ConnectionTable::Remove(Place place) {
  std::lock_guard lock(mutex_);
  (place->cut ? cut_ : open_).erase(place);
}

std::optional<MonotonicTime> ConnectionTable::CutLate() {
  std::lock_guard lock(mutex_);
  return CutLateLocked();
}

size_t ConnectionTable::size() const {
  std::lock_guard lock(mutex_);
  return open_.size();
}

void ConnectionTable::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::optional<MonotonicTime> next = CutLateLocked();
    if (next) {
      changed_.wait_until(lock, *next);
    } else {
      changed_.wait(lock);
    }
  }
}

std::optional<MonotonicTime> ConnectionTable::CutLateLocked() {
  const MonotonicTime now = options_.clock->Now();
  while (!open_.empty() && open_.front().deadline <= now) Cut(open_.begin());
  if (open_.empty()) return std::nullopt;
  return open_.front().deadline;
}

void ConnectionTable::Cut(Place place) {
  // Its owner sees the end of the connection, closes it, and calls Remove.
  shutdown(place->socket, SHUT_RDWR);
  place->cut = true;
  cut_.splice(cut_.end(), open_, place);
}

void ConnectionTable::TellNoRoom(MonotonicTime now) {
  if (options_.logger == nullptr || (told_ && now - *told_ < kTellEvery)) return;
  told_ = now;
  options_.logger->Warning(
      "HTTP connections are closed to make room: there are as many as max_connections of [http]",
      {{"max_connections", std::to_string(options_.max_connections)}});
}

}  // namespace longbow::http
