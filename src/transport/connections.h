/// \file
/// The sockets of a server's connections, which gRPC keeps to itself.
#pragma once

#include <string>
#include <vector>

namespace longbow::transport {

/// Shuts down, for reading and writing, every connection of this process that was accepted on one
/// of `ports` or on one of the Unix sockets at `paths`.
///
/// gRPC does not close a connection while a write waits for room in its socket, not even when the
/// server shuts down; a client that has stopped reading would hold the server until the
/// connection's user timeout. The descriptors stay gRPC's, which finds them broken and closes them.
/// Returns how many there were. Thread-safe; does not block.
int SeverConnections(const std::vector<int>& ports, const std::vector<std::string>& paths);

}  // namespace longbow::transport
