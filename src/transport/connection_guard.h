/// \file
/// Bounds what gRPC holds for clients that nobody knows yet. gRPC 1.51 measures each frame of a
/// header block by itself (CVE-2023-33953, repaired in 1.56.2), and takes in all of a message
/// before it looks at its size, so that a client without a token could make the server hold any
/// number of bytes. What comes compressed would become larger behind the guard: servers refuse it.
#pragma once

#include <cstdint>
#include <string>

#include "transport/connection_meter.h"

namespace longbow::transport {

/// While it lives, connections that clients open are given up once they tell of more than
/// `ConnectionMeter` allows. It stands in front of gRPC's reader of HTTP/2, behind TLS, for all of
/// the process's gRPC servers: where there are several guards, the limits of the newest count.
/// Thread-safe.
class ConnectionGuard {
 public:
  explicit ConnectionGuard(ConnectionLimits limits);
  ~ConnectionGuard();
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

  /// Connections that were given up so far, of all servers of the process.
  static int64_t refused();

  /// A call from that address, as gRPC writes it, was let in: its client is no stranger any more.
  static void LetIn(const std::string& peer);
};

}  // namespace longbow::transport
