/// \file
/// The open connections in the order in which they must be done with what they are doing: sending a
/// request, or taking a response. Cuts off those that are late, and those that must make room.
///
/// A client that sends a byte a second is never idle; only a deadline for the whole stops it. And
/// where others have opened as many connections as there may be, and say nothing, a new one takes
/// the place of the one that has been waited for longest: who asks at once is answered.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include <longbow/clock.h>
#include <longbow/log.h>

namespace longbow::http {

struct ConnectionTableOptions {
  size_t max_connections = 0;
  std::chrono::milliseconds timeout{0};  ///< for each request, and for each response
  const Clock* clock = nullptr;
  Logger* logger = nullptr;  ///< may be null
};

/// Thread-safe; nothing blocks. Sockets are shut down, never closed: that is their owner's.
class ConnectionTable {
 public:
  /// A connection in the table.
  struct Entry {
    int socket = -1;
    MonotonicTime deadline;
    bool cut = false;
  };
  using Place = std::list<Entry>::iterator;

  explicit ConnectionTable(ConnectionTableOptions options);
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;
  ~ConnectionTable();

  /// Starts the thread that cuts off who is late.
  void Start();

  /// Makes room first if there is none. `Remove` must come before `socket` is closed.
  Place Add(int socket);
  /// Its time begins again: it does the next thing. Of no effect once it is cut off.
  void Restart(Place place);
  void Remove(Place place);

  /// Cuts off all that are late. When to look again; nothing where there is no connection.
  std::optional<MonotonicTime> CutLate();

  /// How many there are, without those that were cut off.
  size_t size() const;

 private:
  void Run();
  // The ones below are called with the lock.
  void Cut(Place place);
  std::optional<MonotonicTime> CutLateLocked();
  void TellNoRoom(MonotonicTime now);

  const ConnectionTableOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Entry> open_;  // the earliest deadline first: all have the same time
  std::list<Entry> cut_;   // shut down, and not yet removed
  std::optional<MonotonicTime> told_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace longbow::http
