#include "spill_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <longbow/error.h>

namespace longbow::sql {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "longbow-sql-";
constexpr const char* kLockName = "owner.lock";

// The lock says whether a folder's owner lives; process ids would not, as containers that share a
// folder have their own.
bool IsAbandoned(const fs::path& folder) {
  const int file = ::open((folder / kLockName).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return false;  // Another user's, or just being made.
  const bool free = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  ::close(file);
  return free;
}

void RemoveAbandoned(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(kPrefix)) continue;
    std::error_code ignored;  // What cannot be removed now is left to the next start.
    if (IsAbandoned(it->path())) fs::remove_all(it->path(), ignored);
  }
}

arrow::Status CannotMake(const std::string& parent) {
  return MakeError(ErrorCode::kBadArgument,
                   "SQL cannot spill to the folder '" + parent +
                       "'; set spill_folder of [sql] to one that can be written to, or "
                       "query_spill_limit to 0",
                   std::strerror(errno));
}

}  // namespace

arrow::Result<std::unique_ptr<SpillFolder>> SpillFolder::Make(const std::string& parent) {
  RemoveAbandoned(parent);
  std::string path = (fs::path(parent) / (std::string(kPrefix) + "XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) return CannotMake(parent);
  const int file =
      ::open((fs::path(path) / kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return CannotMake(parent);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    // Somebody who starts at this moment takes the folder for abandoned: it is being removed.
    ::close(file);
    return Make(parent);
  }
  return std::unique_ptr<SpillFolder>(new SpillFolder(std::move(path), file));
}

SpillFolder::~SpillFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::close(lock_);
}

}  // namespace longbow::sql
