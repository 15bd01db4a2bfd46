#include "base/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <longbow/error.h>

namespace longbow {
namespace {

constexpr int kMaxPort = 65535;
// With port 0, the port that the first of several addresses got may be taken for another one.
constexpr int kFreePortTries = 16;
constexpr char kAllOfTheMachine[] = "::";

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

arrow::Status Failed(const std::string& address, ErrorCode code, const std::string& why) {
  return MakeError(code, "Cannot listen on '" + address + "': " + why);
}

arrow::Status BindFailed(const std::string& address, int error) {
  switch (error) {
    case EADDRINUSE:
      return Failed(address, ErrorCode::kAlreadyExists,
                    "another program is using it. Stop that program or choose another port");
    case EACCES:
      return Failed(address, ErrorCode::kBadArgument,
                    "this user may not use that port. Choose one above 1023");
    case EADDRNOTAVAIL:
      return Failed(address, ErrorCode::kBadArgument,
                    "this machine does not have that address. Give one of its own, or '::' for "
                    "all of them");
    default:
      return Failed(address, ErrorCode::kBadArgument, std::strerror(error));
  }
}

std::string WithPort(const std::string& host, int port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// The host without the brackets that an IPv6 address may have.
std::string PlainHost(const std::string& host) {
  if (host.empty()) return kAllOfTheMachine;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return host.substr(1, host.size() - 2);
  }
  return host;
}

arrow::Result<Addresses> LookUp(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) {
    return Failed(WithPort(host, port), ErrorCode::kBadArgument,
                  "the host is not known (" + std::string(gai_strerror(failure)) +
                      "). Give a name or address of this machine");
  }
  return Addresses(found, freeaddrinfo);
}

/// A socket that listens; without one, `errno` says why.
Descriptor BindOne(const addrinfo& address, int port) {
  Descriptor made(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.fd() < 0) return made;
  const int yes = 1;
  setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_storage name = {};
  std::memcpy(&name, address.ai_addr, address.ai_addrlen);
  // The port has the same place in both families' addresses.
  reinterpret_cast<sockaddr_in&>(name).sin_port = htons(static_cast<uint16_t>(port));
  if (address.ai_family == AF_INET6) {
    const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(name);
    const int only = IN6_IS_ADDR_UNSPECIFIED(&ipv6.sin6_addr) ? 0 : 1;
    setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  }
  if (bind(made.fd(), reinterpret_cast<const sockaddr*>(&name), address.ai_addrlen) == 0 &&
      listen(made.fd(), kListenBacklog) == 0) {
    return made;
  }
  const int why = errno;
  made = Descriptor();
  errno = why;
  return made;
}

int PortOf(const Descriptor& bound) {
  sockaddr_storage name = {};
  socklen_t size = sizeof(name);
  getsockname(bound.fd(), reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

/// A name may be listed twice.
bool CameBefore(const addrinfo* first, const addrinfo* entry) {
  for (; first != entry; first = first->ai_next) {
    if (first->ai_addrlen == entry->ai_addrlen &&
        std::memcmp(first->ai_addr, entry->ai_addr, entry->ai_addrlen) == 0) {
      return true;
    }
  }
  return false;
}

/// All of the addresses that exist here, on one port, which is chosen where it is 0. Returns the
/// `errno` of the first that failed, or 0; with an error there are no sockets.
int BindAll(const addrinfo* addresses, int port, TcpListener* listener) {
  listener->port = port;
  int first_error = 0;
  for (const addrinfo* entry = addresses; entry != nullptr; entry = entry->ai_next) {
    if (CameBefore(addresses, entry)) continue;
    Descriptor bound = BindOne(*entry, listener->port);
    if (bound.fd() >= 0) {
      listener->port = PortOf(bound);
      listener->sockets.push_back(std::move(bound));
      continue;
    }
    const int error = errno;
    if (first_error == 0) first_error = error;
    if (error == EADDRINUSE) {
      listener->sockets.clear();
      return error;
    }
  }
  // One of several may be missing: `localhost` names an IPv6 address even where there is no IPv6.
  return listener->sockets.empty() ? first_error : 0;
}

/// The same; a free port is looked for until all addresses have it.
int BindAllToOnePort(const addrinfo* addresses, int port, TcpListener* listener) {
  int error = 0;
  for (int i = 0; i < (port == 0 ? kFreePortTries : 1); ++i) {
    error = BindAll(addresses, port, listener);
    if (error != EADDRINUSE) break;
  }
  return error;
}

}  // namespace

arrow::Result<TcpListener> ListenOnTcp(const std::string& host, int port) {
  const std::string plain = PlainHost(host);
  if (port < 0 || port > kMaxPort) {
    return Failed(WithPort(plain, port), ErrorCode::kBadArgument,
                  "a port is a number from 1 to 65535, or 0 for a free one");
  }
  ARROW_ASSIGN_OR_RAISE(Addresses addresses, LookUp(plain, port));
  TcpListener made;
  int error = BindAllToOnePort(addresses.get(), port, &made);
  if (error != 0 && error != EADDRINUSE && plain == kAllOfTheMachine) {
    // A machine without IPv6, or with one that is turned off.
    ARROW_ASSIGN_OR_RAISE(addresses, LookUp("0.0.0.0", port));
    error = BindAllToOnePort(addresses.get(), port, &made);
  }
  if (error != 0) return BindFailed(WithPort(plain, port), error);
  made.address = WithPort(plain, made.port);
  return made;
}

}  // namespace longbow
