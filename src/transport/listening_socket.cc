#include "transport/listening_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <longbow/error.h>

#include "base/tcp_listener.h"

namespace longbow::transport {
namespace {

// What the address of a socket in the file system begins with.
constexpr std::string_view kUnixScheme = "unix:";

Descriptor NewSocket() {
  return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
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
  const Descriptor probe = NewSocket();
  // One whose backlog is full says so at once, since the probe does not block.
  if (connect(probe.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 ||
      errno == EAGAIN) {
    return InUse(address);
  }
  return arrow::Status::OK();
}

// Splits `host:port`, where an IPv6 address is in brackets, and keeps them.
bool Split(const std::string& address, std::string* host, int* port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) return false;
  *host = address.substr(0, colon);
  const bool in_brackets = host->starts_with('[') && host->ends_with(']');
  if (!in_brackets && host->find(':') != std::string::npos) return false;
  const char* end = address.data() + address.size();
  const auto [rest, error] = std::from_chars(address.data() + colon + 1, end, *port);
  return error == std::errc() && rest == end;
}

}  // namespace

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
  Descriptor socket = NewSocket();
  if (bind(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      listen(socket.fd(), kListenBacklog) != 0) {
    return Failed(address, ErrorCode::kBadArgument, std::strerror(errno));
  }
  made.descriptors_.push_back(std::move(socket));
  return made;
}

arrow::Result<ListeningSocket> ListeningSocket::BindTcp(const std::string& address) {
  std::string host;
  int port = 0;
  if (!Split(address, &host, &port)) {
    return Failed(address, ErrorCode::kBadArgument,
                  "write 'host:port', '[ipv6]:port' or 'unix:/path'");
  }
  // As in gRPC, this one stands for all of the machine, with IPv6 too.
  if (host == "0.0.0.0") host = "::";
  ARROW_ASSIGN_OR_RAISE(TcpListener listener, ListenOnTcp(host, port));
  ListeningSocket made;
  made.descriptors_ = std::move(listener.sockets);
  made.port_ = listener.port;
  return made;
}

}  // namespace longbow::transport
