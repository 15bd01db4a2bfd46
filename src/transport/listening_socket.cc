#include "transport/listening_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <longbow/error.h>

namespace longbow::transport {
namespace {

// What the address of a socket in the file system begins with.
constexpr std::string_view kUnixScheme = "unix:";
// Connections that wait to be accepted; the system has a limit of its own.
constexpr int kBacklog = 4096;
// With port 0, the port that the first of several addresses got may be taken for another one.
constexpr int kFreePortTries = 16;

Descriptor NewSocket(int family) {
  return Descriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

arrow::Status Failed(const std::string& address, ErrorCode code, const std::string& why) {
  return MakeError(code, "Cannot listen on '" + address + "': " + why);
}

arrow::Status InUse(const std::string& address) {
  return Failed(address, ErrorCode::kAlreadyExists,
                "another program is using it. Stop that program or choose another address");
}

// That the path is free, or holds a socket that nobody listens on any more.
arrow::Status CheckUnixPath(const std::string& address, const sockaddr_un& name) {
  const std::string path = name.sun_path;
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return Failed(address, ErrorCode::kBadArgument, std::strerror(errno));
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (access(folder.c_str(), W_OK | X_OK) == 0) return arrow::Status::OK();
    return Failed(address, ErrorCode::kBadArgument,
                  "no file can be made in '" + folder + "': " + std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Failed(address, ErrorCode::kAlreadyExists,
                  "there is a file that is no socket. Remove it or choose another path");
  }
  const Descriptor probe = NewSocket(AF_UNIX);
  // One whose backlog is full says so at once, since the probe does not block.
  if (connect(probe.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 ||
      errno == EAGAIN) {
    return InUse(address);
  }
  return arrow::Status::OK();
}

// Splits `host:port`, where the host may be in brackets.
bool Split(const std::string& address, std::string* host, std::string* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) return false;
  *host = address.substr(0, colon);
  *port = address.substr(colon + 1);
  if (host->size() >= 2 && host->front() == '[' && host->back() == ']') {
    *host = host->substr(1, host->size() - 2);
  } else if (host->find(':') != std::string::npos) {
    return false;
  }
  return port->size() <= 5 && port->find_first_not_of("0123456789") == std::string::npos &&
         std::stoi(*port) <= 65535;
}

/// An address to bind, of either family.
struct TcpAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  bool all_families = false;  ///< of an IPv6 socket: takes IPv4, too

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
  /// The port has the same place in both families' addresses.
  void set_port(int port) { reinterpret_cast<sockaddr_in&>(bytes).sin_port = htons(port); }
  bool operator==(const TcpAddress& other) const {
    return size == other.size && std::memcmp(&bytes, &other.bytes, size) == 0;
  }
};

TcpAddress AnyAddress(int family, int port) {
  TcpAddress any;
  any.bytes.ss_family = static_cast<sa_family_t>(family);
  any.size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  any.all_families = family == AF_INET6;
  any.set_port(port);
  return any;
}

arrow::Result<std::vector<TcpAddress>> LookUp(const std::string& address, const std::string& host,
                                              const std::string& port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (failure != 0) {
    return Failed(address, ErrorCode::kBadArgument,
                  "the host is not known (" + std::string(gai_strerror(failure)) +
                      "). Give a name or address of this machine");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<TcpAddress> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    TcpAddress one;
    one.size = entry->ai_addrlen;
    std::memcpy(&one.bytes, entry->ai_addr, entry->ai_addrlen);
    // A name may be listed twice.
    if (std::find(addresses.begin(), addresses.end(), one) == addresses.end()) {
      addresses.push_back(one);
    }
  }
  return addresses;
}

/// A socket that listens; without one, `errno` says why.
Descriptor BindOne(TcpAddress address) {
  Descriptor made = NewSocket(address.bytes.ss_family);
  const int yes = 1;
  const int only = address.all_families ? 0 : 1;
  setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (address.bytes.ss_family == AF_INET6) {
    setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  }
  if (bind(made.fd(), address.get(), address.size) == 0 && listen(made.fd(), kBacklog) == 0) {
    return made;
  }
  const int why = errno;
  made = Descriptor();
  errno = why;
  return made;
}

int PortOf(const Descriptor& bound) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  getsockname(bound.fd(), reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

/// All of the addresses that exist here, on one port, which is chosen where it is 0. Errors: as
/// `errno`; EADDRINUSE where one of them is in use.
std::vector<Descriptor> BindAll(std::vector<TcpAddress> addresses, int* port, int* why) {
  std::vector<Descriptor> bound;
  for (TcpAddress& address : addresses) {
    address.set_port(*port);
    Descriptor one = BindOne(address);
    if (one.fd() >= 0) {
      *port = PortOf(one);
      bound.push_back(std::move(one));
      continue;
    }
    *why = errno;
    if (*why == EADDRINUSE) return {};
  }
  // One of several may be missing: `localhost` names an IPv6 address even where there is no IPv6.
  return bound;
}

bool IsAllOfTheMachine(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

arrow::Result<ListeningSocket> ListeningSocket::Bind(const std::string& address) {
  return address.starts_with(kUnixScheme) ? BindUnix(address) : BindTcp(address);
}

ListeningSocket::~ListeningSocket() {
  if (!descriptors_.empty() && !path_.empty()) unlink(path_.c_str());
}

arrow::Result<ListeningSocket> ListeningSocket::BindUnix(const std::string& address) {
  ListeningSocket made;
  made.path_ = address.substr(kUnixScheme.size());
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  if (made.path_.empty() || made.path_.size() >= sizeof(name.sun_path)) {
    return Failed(address, ErrorCode::kBadArgument,
                  "a socket's path has 1 to " + std::to_string(sizeof(name.sun_path) - 1) +
                      " bytes. Choose a shorter one");
  }
  std::memcpy(name.sun_path, made.path_.c_str(), made.path_.size() + 1);
  ARROW_RETURN_NOT_OK(CheckUnixPath(address, name));
  unlink(made.path_.c_str());
  Descriptor socket = NewSocket(AF_UNIX);
  if (bind(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      listen(socket.fd(), kBacklog) != 0) {
    return Failed(address, ErrorCode::kBadArgument, std::strerror(errno));
  }
  made.descriptors_.push_back(std::move(socket));
  return made;
}

arrow::Result<ListeningSocket> ListeningSocket::BindTcp(const std::string& address) {
  std::string host;
  std::string port;
  if (!Split(address, &host, &port)) {
    return Failed(address, ErrorCode::kBadArgument,
                  "write 'host:port', '[ipv6]:port' or 'unix:/path'");
  }
  const int wanted = std::stoi(port);
  ListeningSocket made;
  int why = 0;
  if (IsAllOfTheMachine(host)) {
    for (const int family : {AF_INET6, AF_INET}) {
      made.port_ = wanted;
      made.descriptors_ = BindAll({AnyAddress(family, wanted)}, &made.port_, &why);
      if (!made.descriptors_.empty() || why == EADDRINUSE) break;
    }
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto addresses, LookUp(address, host, port));
    for (int i = 0; i < (wanted == 0 ? kFreePortTries : 1) && made.descriptors_.empty(); ++i) {
      made.port_ = wanted;
      made.descriptors_ = BindAll(addresses, &made.port_, &why);
    }
  }
  if (!made.descriptors_.empty()) return made;
  if (why == EADDRINUSE) return InUse(address);
  return Failed(address, ErrorCode::kBadArgument, std::strerror(why));
}

}  // namespace longbow::transport
