#include "server/core_dumps.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <longbow/error.h>

namespace longbow::server {
namespace {

// Less than the smallest dump, so no file is written. Where dumps are piped to a program, the
// kernel heeds no limit, 0 included, but this one, which stands for "no dump" there.
constexpr rlim_t kNoDump = 1;

constexpr char kFilter[] = "/proc/self/coredump_filter";

// No kind of mapping is dumped. It holds where the hard limit was 0 before, and dumps are piped.
bool EmptyFilter() {
  const int fd = open(kFilter, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, "0", 1) == 1;
  const int error = errno;
  close(fd);
  errno = error;
  return written;
}

bool LowerLimit() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return false;
  limit.rlim_max = std::min(limit.rlim_max, kNoDump);
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_CORE, &limit) == 0;
}

}  // namespace

arrow::Status ForbidCoreDumps() {
  std::string failed;
  if (!LowerLimit()) failed = std::string("RLIMIT_CORE (") + std::strerror(errno) + ")";
  if (!EmptyFilter()) {
    failed +=
        (failed.empty() ? "" : " and ") + std::string(kFilter) + " (" + std::strerror(errno) + ")";
  }
  if (failed.empty()) return arrow::Status::OK();
  return MakeError(
      ErrorCode::kInternalError,
      "A crash may leave secrets in a core dump: the system lets this process not set " + failed +
          "; turn core dumps off for it (LimitCORE=1 of systemd, one byte), or say "
          "that they are meant (core_dumps = true of [server])");
}

}  // namespace longbow::server
