/// \file
/// Sockets that wait for connections, on `host:port` or `unix:/path`.
///
/// Not gRPC's own: those say only that they failed, are content when one of a host name's addresses
/// works, take a socket file away from a server that is using it, and count nothing.
#pragma once

#include <string>
#include <vector>

#include <arrow/result.h>

#include "base/descriptor.h"

namespace longbow::transport {

/// The sockets of one address: one for each that its host name stands for, or one for all of the
/// machine (`0.0.0.0`, `::` or no host). They do not block. Closed, and the file of a Unix socket
/// removed, with their owner.
class ListeningSocket {
 public:
  /// Binds and listens. May block for a name look-up. Errors, with what to do: ALREADY_EXISTS where
  /// the address is in use, BAD_ARGUMENT otherwise.
  static arrow::Result<ListeningSocket> Bind(const std::string& address);

  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  const std::vector<Descriptor>& descriptors() const { return descriptors_; }
  int port() const { return port_; }                 ///< 0 of a Unix socket
  const std::string& path() const { return path_; }  ///< of a Unix socket, else empty

 private:
  ListeningSocket() = default;
  static arrow::Result<ListeningSocket> BindUnix(const std::string& address);
  static arrow::Result<ListeningSocket> BindTcp(const std::string& address);

  std::vector<Descriptor> descriptors_;
  int port_ = 0;
  std::string path_;
};

}  // namespace longbow::transport
