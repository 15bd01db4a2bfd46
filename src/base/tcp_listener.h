/// \file
/// Sockets that wait for TCP connections. Called at start only; no threads.
///
/// Who takes the connections makes no socket of its own, so that an address that cannot be had is
/// told in the same words everywhere, and a host name that stands for several is served on them
/// all.
#pragma once

#include <string>
#include <vector>

#include <arrow/result.h>

#include "base/descriptor.h"

namespace longbow {

/// Connections that wait to be accepted; the system has a limit of its own.
inline constexpr int kListenBacklog = 4096;

/// The sockets of one address: one for each that its host name stands for, all on one port. They do
/// not block. Closed with their owner.
struct TcpListener {
  std::vector<Descriptor> sockets;  ///< at least one
  int port = 0;
  std::string address;  ///< as people write it: `host:port`, with the port that was got
};

/// Binds and listens. May block for a name look-up. Errors, with what to do: ALREADY_EXISTS where
/// the address is in use, BAD_ARGUMENT otherwise.
/// \param host a name, an IPv4 or IPv6 address, the latter in brackets or not; `::` or empty: all
///   of the machine, with IPv4 too
/// \param port 0: a free one
arrow::Result<TcpListener> ListenOnTcp(const std::string& host, int port);

}  // namespace longbow
