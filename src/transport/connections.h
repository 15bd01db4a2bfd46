/// \file
/// The sockets of a server's connections, which gRPC keeps to itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace longbow::transport {

/// How many connections of this process are open that were accepted on one of `ports` or on one of
/// the Unix sockets at `paths`. Looks at every descriptor of the process: some 2 us for each.
/// Thread-safe.
int64_t CountConnections(const std::vector<int>& ports, const std::vector<std::string>& paths);

/// Shuts down, for reading and writing, every connection of this process that was accepted on one
/// of `ports` or on one of the Unix sockets at `paths`.
///
/// gRPC does not close a connection while a write waits for room in its socket, not even when the
/// server shuts down; a client that has stopped reading would hold the server until the
/// connection's user timeout. The descriptors stay gRPC's, which finds them broken and closes them.
/// Thread-safe; does not block.
void SeverConnections(const std::vector<int>& ports, const std::vector<std::string>& paths);

}  // namespace longbow::transport
