#include "server/file_limit.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/resource.h>

namespace longbow::server {
namespace {

// For all that is no connection: libraries, modules, files that are read.
constexpr rlim_t kOtherFiles = 256;

}  // namespace

void RaiseFileLimit(int connections, Logger* logger) {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      logger->Warning("The limit of open files could not be raised",
                      {{"reason", std::strerror(errno)}});
      if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    }
  }
  const rlim_t wanted = static_cast<rlim_t>(connections) + kOtherFiles;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return;
  logger->Warning(
      "The system lets this process open fewer files than it may have connections; raise the limit "
      "(LimitNOFILE of systemd, ulimit -n), or lower max_connections of [server]",
      {{"open_files_limit", std::to_string(limit.rlim_cur)},
       {"max_connections", std::to_string(connections)}});
}

}  // namespace longbow::server
