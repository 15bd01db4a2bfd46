/// \file
/// Takes connections from listening sockets and hands them on, as long as there are not too many.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include <arrow/status.h>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "base/descriptor.h"
#include "transport/listening_socket.h"

namespace longbow::transport {

struct AcceptorOptions {
  int max_connections = 0;   ///< open at a time; more are closed at once
  int user_timeout_sec = 0;  ///< a TCP client that acknowledges nothing for so long is gone
  Logger* logger = nullptr;  ///< may be null
};

/// One thread, which waits for all of the sockets.
class Acceptor {
 public:
  /// Where connections come from, and who takes them.
  struct Source {
    const ListeningSocket* socket;
    /// Owns the connection from now on. On the acceptor's thread; must not block.
    std::function<void(int listener, int connection)> take;
  };

  /// `count_open` tells how many of the connections that were handed on are still open: their new
  /// owner does not tell when it closes one. It may take a while, and is called only when there may
  /// be too many, ten times a second at most. All outlive the acceptor.
  Acceptor(AcceptorOptions options, std::vector<Source> sources,
           std::function<int64_t()> count_open);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  /// Takes no more; connections that wait are left to the sockets.
  ~Acceptor();

  /// Begins. Errors: INTERNAL_ERROR where the system has no descriptor left.
  arrow::Status Start();

 private:
  void Run();
  /// Everything that waits at one socket.
  void AcceptAll(const Source& source, int listener);
  bool MayTake();
  void TellRefusal();
  /// Waits a little, and only for the end.
  void Pause();

  const AcceptorOptions options_;
  const std::vector<Source> sources_;
  const std::function<int64_t()> count_open_;
  int64_t open_ = 0;  // at the last count, and all that came since
  std::optional<MonotonicTime> counted_;
  std::optional<MonotonicTime> told_;
  Descriptor stop_;  // becomes readable at the end
  std::thread thread_;
};

}  // namespace longbow::transport
