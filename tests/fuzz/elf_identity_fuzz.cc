// Files that claim to be a module: reading their identity ends with a text or an error.

#include <optional>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "module/elf_identity.h"
#include "require.h"

namespace longbow::fuzz {
namespace {

// A file in memory, with a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    Require(fd_ >= 0, "a file is made");
    while (!bytes.empty()) {
      const ssize_t n = write(fd_, bytes.data(), bytes.size());
      Require(n > 0, "the file is written");
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

void Check(std::string_view bytes) {
  const MemoryFile file(bytes);
  const auto identity = ReadModuleIdentity(file.path());
  if (!identity.ok()) return RequireShowable(identity.status(), ErrorCode::kBadArgument);
  if (!identity->has_value()) return;
  Require((*identity)->size() <= bytes.size(), "an identity is no longer than the file");
  Require((*identity)->find('\0') == std::string::npos, "an identity ends at its first zero");
}

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  longbow::fuzz::Check(longbow::fuzz::TextOf(data, size));
  return 0;
}
