#include "transport/connections.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace longbow::transport {
namespace {

/// The port that the socket is bound to; -1 of what is no internet socket.
int LocalPort(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return -1;
}

std::string LocalPath(const sockaddr_storage& address, socklen_t size) {
  if (address.ss_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return "";
  const auto& local = reinterpret_cast<const sockaddr_un&>(address);
  const size_t length = size - offsetof(sockaddr_un, sun_path);
  std::string path(local.sun_path, std::min(length, sizeof(local.sun_path)));
  // The kernel counts the terminating zero.
  if (const size_t end = path.find('\0'); end != std::string::npos && end > 0) path.resize(end);
  return path;
}

/// Whether the descriptor is a connection (not a listening socket) that was accepted there.
bool IsAccepted(int descriptor, const std::vector<int>& ports,
                const std::vector<std::string>& paths) {
  sockaddr_storage local{};
  socklen_t local_size = sizeof(local);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &local_size) != 0) return false;
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof(peer);
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
  const int port = LocalPort(local);
  if (port >= 0) return std::find(ports.begin(), ports.end(), port) != ports.end();
  const std::string path = LocalPath(local, local_size);
  return !path.empty() && std::find(paths.begin(), paths.end(), path) != paths.end();
}

/// Calls `visit` with each connection.
void ForEach(const std::vector<int>& ports, const std::vector<std::string>& paths,
             const std::function<void(int)>& visit) {
  DIR* descriptors = opendir("/proc/self/fd");
  if (descriptors == nullptr) return;
  while (const dirent* entry = readdir(descriptors)) {
    char* end = nullptr;
    const long descriptor = std::strtol(entry->d_name, &end, 10);
    if (end == entry->d_name || !IsAccepted(static_cast<int>(descriptor), ports, paths)) continue;
    visit(static_cast<int>(descriptor));
  }
  closedir(descriptors);
}

}  // namespace

int64_t CountConnections(const std::vector<int>& ports, const std::vector<std::string>& paths) {
  int64_t count = 0;
  ForEach(ports, paths, [&](int) { ++count; });
  return count;
}

void SeverConnections(const std::vector<int>& ports, const std::vector<std::string>& paths) {
  ForEach(ports, paths, [](int descriptor) { shutdown(descriptor, SHUT_RDWR); });
}

}  // namespace longbow::transport
