/// \file
/// Sockets that wait for HTTP connections. Called at start only; no threads.
#pragma once

#include <string>
#include <vector>

#include <arrow/result.h>

namespace longbow::http {

/// The sockets of one address, one for each that its host name stands for, all on one port. They do
/// not block. Closed with their owner, except those that were taken.
class ListeningSockets {
 public:
  /// Binds and listens. May block for a name look-up. Errors, with what to do: ALREADY_EXISTS where
  /// the address is in use, BAD_ARGUMENT otherwise.
  /// \param host a name, an IPv4 or IPv6 address, the latter in brackets or not; `::` or empty: all
  ///   of the machine, with IPv4 too
  /// \param port 0: a free one
  static arrow::Result<ListeningSockets> Bind(const std::string& host, int port);

  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&&) = delete;
  ~ListeningSockets();

  size_t size() const { return sockets_.size(); }
  int port() const { return port_; }
  /// As people write it: `host:port`, with the port that was got.
  const std::string& address() const { return address_; }

  /// Gives the last socket away. At least one must be left.
  int Take();

 private:
  ListeningSockets() = default;

  std::vector<int> sockets_;
  int port_ = 0;
  std::string address_;
};

}  // namespace longbow::http
