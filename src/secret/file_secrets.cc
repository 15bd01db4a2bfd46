#include "secret/file_secrets.h"

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <longbow/error.h>

namespace longbow::secret {
namespace {

// A file that changed less than this before it was looked at may change again with the same time
// stamp, whose grain is some milliseconds, or two seconds on odd file systems.
constexpr int64_t kYoungSec = 2;
constexpr int kReadAttempts = 3;

class File {
 public:
  explicit File(const std::string& path)
      // A FIFO without a writer would block without O_NONBLOCK.
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

std::string Stamp(const struct stat& status) {
  std::string stamp;
  for (int64_t part :
       {static_cast<int64_t>(status.st_dev), static_cast<int64_t>(status.st_ino),
        static_cast<int64_t>(status.st_size), static_cast<int64_t>(status.st_mtim.tv_sec),
        static_cast<int64_t>(status.st_mtim.tv_nsec), static_cast<int64_t>(status.st_ctim.tv_sec),
        static_cast<int64_t>(status.st_ctim.tv_nsec)}) {
    stamp += std::to_string(part) + ":";
  }
  return stamp;
}

/// The file system's stamps are the system's calendar time, whatever clock the rest goes by.
bool IsYoung(const struct stat& status) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return status.st_ctim.tv_sec > now.tv_sec - kYoungSec ||
         status.st_mtim.tv_sec > now.tv_sec - kYoungSec;
}

arrow::Status CannotOpen(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return MakeError(ErrorCode::kNotFound, "there is no file " + path,
                     "Create it, or correct the path.");
  }
  if (error == EACCES || error == EPERM) {
    return MakeError(ErrorCode::kPermissionDenied, "the file " + path + " may not be read",
                     "Let this process's user read it.");
  }
  return MakeError(ErrorCode::kInternalError,
                   "the file " + path + " cannot be read (errno " + std::to_string(error) + ")");
}

arrow::Status TooLarge(const std::string& path) {
  return MakeError(ErrorCode::kResourceExhausted, "the file " + path + " is larger than 1 MiB",
                   "A secret is smaller; is that the right file?");
}

arrow::Status CheckKind(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    return MakeError(ErrorCode::kBadArgument, path + " is no regular file",
                     "A secret is read from a file, or a symbolic link to one.");
  }
  if (status.st_size > static_cast<int64_t>(kMaxSecretBytes)) return TooLarge(path);
  return arrow::Status::OK();
}

/// All bytes from the file's beginning.
arrow::Status ReadAll(const std::string& path, int fd, std::string* out) {
  // One more than allowed shows that there is more. Reserved at once: growing would leave copies.
  out->resize(kMaxSecretBytes + 1);
  size_t size = 0;
  while (size < out->size()) {
    const ssize_t got = pread(fd, out->data() + size, out->size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotOpen(path, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxSecretBytes) return TooLarge(path);
  out->resize(size);
  return arrow::Status::OK();
}

void StripNewline(std::string* content) {
  if (content->empty() || content->back() != '\n') return;
  content->pop_back();
  if (!content->empty() && content->back() == '\r') content->pop_back();
}

/// One reading; nothing where the file changed meanwhile.
arrow::Result<std::optional<SecretFile>> ReadOnce(const std::string& path) {
  const File file(path);
  if (file.fd() < 0) return CannotOpen(path, errno);
  struct stat before {};
  struct stat after {};
  if (fstat(file.fd(), &before) != 0) return CannotOpen(path, errno);
  ARROW_RETURN_NOT_OK(CheckKind(path, before));
  std::string large;
  arrow::Status read = ReadAll(path, file.fd(), &large);
  SecretFile result;
  result.content.assign(large);  // not more memory than it needs
  Wipe(&large);
  ARROW_RETURN_NOT_OK(read);
  if (fstat(file.fd(), &after) != 0) return CannotOpen(path, errno);
  if (Stamp(before) != Stamp(after)) return std::optional<SecretFile>();
  StripNewline(&result.content);
  result.version = IsYoung(after) ? "" : Stamp(after);
  result.is_public = (after.st_mode & S_IROTH) != 0;
  return std::make_optional(result);
}

}  // namespace

arrow::Result<SecretFile> ReadSecretFile(const std::string& path) {
  for (int i = 0; i < kReadAttempts; ++i) {
    ARROW_ASSIGN_OR_RAISE(std::optional<SecretFile> file, ReadOnce(path));
    if (!file) continue;
    if (file->content.empty()) {
      return MakeError(ErrorCode::kBadArgument, "the file " + path + " is empty",
                       "It should hold the secret; replace it in one step (write a new file beside "
                       "it and rename that).");
    }
    return *file;
  }
  return MakeError(ErrorCode::kNotReady, "the file " + path + " changes while it is read",
                   "Replace it in one step: write a new file beside it and rename that.");
}

std::string VersionOfFile(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || IsYoung(status)) return {};
  return Stamp(status);
}

arrow::Result<SecretValue> FileSecrets::Get(const SecretReference& reference) {
  arrow::Result<SecretFile> file = ReadSecretFile(reference.name);
  if (!file.ok()) {
    const ErrorDetail* detail = ErrorDetailOf(file.status());
    return MakeError(
        ErrorCodeOf(file.status()),
        "the secret " + reference.shown() + " cannot be read: " + file.status().message(),
        detail != nullptr ? detail->detail() : std::string());
  }
  if (file->is_public) WarnOfPublicFile(reference);
  SecretValue value;
  value.value = file->content;
  value.version = file->version;
  value.refresh_after = options_.poll_interval;
  return value;
}

bool FileSecrets::IsCurrent(const SecretReference& reference, const std::string& version) {
  return !version.empty() && VersionOfFile(reference.name) == version;
}

void FileSecrets::WarnOfPublicFile(const SecretReference& reference) {
  if (options_.logger == nullptr) return;
  {
    std::lock_guard lock(mutex_);
    if (!warned_.insert(reference.name).second) return;
  }
  options_.logger->Warning("every user of this machine may read the file of a secret: chmod o-r",
                           {{"reference", reference.text}});
}

}  // namespace longbow::secret
