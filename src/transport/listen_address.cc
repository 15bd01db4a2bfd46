#include "transport/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include <longbow/error.h>

namespace longbow::transport {
namespace {

// A socket that is closed with its scope.
class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

arrow::Status Failed(const std::string& address, ErrorCode code, const std::string& why) {
  return MakeError(code, "Cannot listen on '" + address + "': " + why);
}

arrow::Status InUse(const std::string& address) {
  return Failed(address, ErrorCode::kAlreadyExists,
                "another program is using it. Stop that program or choose another address");
}

arrow::Status CheckUnix(const std::string& address) {
  const std::string path = address.substr(kUnixScheme.size());
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(name.sun_path)) {
    return Failed(address, ErrorCode::kBadArgument,
                  "a socket's path has 1 to " + std::to_string(sizeof(name.sun_path) - 1) +
                      " bytes. Choose a shorter one");
  }
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
  // A socket that nobody listens on is left over; gRPC replaces it.
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  const Socket probe(AF_UNIX);
  if (connect(probe.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) {
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

arrow::Status CheckTcp(const std::string& address) {
  std::string host;
  std::string port;
  if (!Split(address, &host, &port)) {
    return Failed(address, ErrorCode::kBadArgument,
                  "write 'host:port', '[ipv6]:port' or 'unix:/path'");
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure =
      getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
  if (failure != 0) {
    return Failed(address, ErrorCode::kBadArgument,
                  "the host is not known (" + std::string(gai_strerror(failure)) +
                      "). Give a name or address of this machine");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::string why = "it has no address";
  bool usable = false;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const Socket probe(entry->ai_family);
    const int yes = 1;
    setsockopt(probe.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (entry->ai_family == AF_INET6) {
      setsockopt(probe.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    if (bind(probe.fd(), entry->ai_addr, entry->ai_addrlen) == 0) {
      usable = true;
    } else if (errno == EADDRINUSE) {
      return InUse(address);
    } else {
      why = std::strerror(errno);
    }
  }
  // One of several may be missing: `localhost` names an IPv6 address even where there is no IPv6.
  return usable ? arrow::Status::OK() : Failed(address, ErrorCode::kBadArgument, why);
}

}  // namespace

bool IsUnixAddress(const std::string& address) { return address.starts_with(kUnixScheme); }

arrow::Status CheckListenAddress(const std::string& address) {
  return IsUnixAddress(address) ? CheckUnix(address) : CheckTcp(address);
}

}  // namespace longbow::transport
