#include "module/elf_identity.h"

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <longbow/error.h>

namespace longbow {
namespace {

constexpr std::string_view kSectionName = ".longbow.identity";
constexpr uint64_t kMaxIdentityBytes = 4096;
constexpr uint64_t kMaxSections = 65536;

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "The loader does not know this machine's ELF number"
#endif
static_assert(std::endian::native == std::endian::little);

// A file that is read at checked offsets.
class ElfFile {
 public:
  explicit ElfFile(std::string path) : path_(std::move(path)) {}
  ~ElfFile() {
    if (fd_ >= 0) close(fd_);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  arrow::Status Open() {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd_ < 0) {
      return MakeError(
          errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kInternalError,
          "The library " + path_ + " cannot be opened: " + std::strerror(errno));
    }
    struct stat info = {};
    if (fstat(fd_, &info) != 0) {
      return MakeError(ErrorCode::kInternalError,
                       "The library " + path_ + " cannot be read: " + std::strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) return NotALibrary("it is no file");
    size_ = static_cast<uint64_t>(info.st_size);
    return arrow::Status::OK();
  }

  arrow::Status Read(uint64_t offset, void* out, uint64_t length) {
    if (offset > size_ || length > size_ - offset) return NotALibrary("it is cut off or damaged");
    auto* to = static_cast<char*>(out);
    while (length > 0) {
      const ssize_t n = pread(fd_, to, length, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        return MakeError(ErrorCode::kInternalError,
                         "The library " + path_ + " cannot be read: " + std::strerror(errno));
      }
      if (n == 0) return NotALibrary("it is cut off or damaged");
      to += n;
      offset += static_cast<uint64_t>(n);
      length -= static_cast<uint64_t>(n);
    }
    return arrow::Status::OK();
  }

  arrow::Status NotALibrary(const std::string& why) const {
    return MakeError(ErrorCode::kBadArgument,
                     path_ + " is not a shared library for this machine: " + why);
  }

 private:
  const std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

arrow::Result<Elf64_Ehdr> ReadHeader(ElfFile& file) {
  Elf64_Ehdr header;
  ARROW_RETURN_NOT_OK(file.Read(0, &header, sizeof(header)));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return file.NotALibrary("it is no ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine) {
    return file.NotALibrary("it was built for another machine");
  }
  if (header.e_type != ET_DYN) return file.NotALibrary("it is an ELF file of another kind");
  if (header.e_shoff != 0 && header.e_shentsize != sizeof(Elf64_Shdr)) {
    return file.NotALibrary("its section table is damaged");
  }
  return header;
}

arrow::Result<std::vector<Elf64_Shdr>> ReadSections(ElfFile& file, const Elf64_Ehdr& header,
                                                    uint64_t* names_index) {
  std::vector<Elf64_Shdr> sections;
  *names_index = header.e_shstrndx;
  if (header.e_shoff == 0) return sections;
  // Numbers that do not fit the header stand in the first section.
  uint64_t count = header.e_shnum;
  if (count == 0 || *names_index == SHN_XINDEX) {
    Elf64_Shdr first;
    ARROW_RETURN_NOT_OK(file.Read(header.e_shoff, &first, sizeof(first)));
    if (count == 0) count = first.sh_size;
    if (*names_index == SHN_XINDEX) *names_index = first.sh_link;
  }
  if (count > kMaxSections) return file.NotALibrary("its section table is damaged");
  sections.resize(count);
  ARROW_RETURN_NOT_OK(file.Read(header.e_shoff, sections.data(), count * sizeof(Elf64_Shdr)));
  return sections;
}

// Whether the section's name, which lies in the table `names`, is the identity's.
arrow::Result<bool> IsIdentity(ElfFile& file, const Elf64_Shdr& names, const Elf64_Shdr& section) {
  const uint64_t length = kSectionName.size() + 1;
  if (section.sh_name > names.sh_size || length > names.sh_size - section.sh_name) return false;
  if (names.sh_offset > UINT64_MAX - section.sh_name) {
    return file.NotALibrary("its section names are damaged");
  }
  char name[kSectionName.size() + 1];
  ARROW_RETURN_NOT_OK(file.Read(names.sh_offset + section.sh_name, name, length));
  return std::string_view(name, length) == std::string_view(kSectionName.data(), length);
}

}  // namespace

arrow::Result<std::optional<std::string>> ReadModuleIdentity(const std::string& path) {
  ElfFile file(path);
  ARROW_RETURN_NOT_OK(file.Open());
  ARROW_ASSIGN_OR_RAISE(const Elf64_Ehdr header, ReadHeader(file));
  uint64_t names_index = 0;
  ARROW_ASSIGN_OR_RAISE(const auto sections, ReadSections(file, header, &names_index));
  if (sections.empty()) return std::nullopt;
  if (names_index >= sections.size()) return file.NotALibrary("its section names are damaged");
  for (const Elf64_Shdr& section : sections) {
    ARROW_ASSIGN_OR_RAISE(const bool found, IsIdentity(file, sections[names_index], section));
    if (!found) continue;
    if (section.sh_type == SHT_NOBITS) return file.NotALibrary("its identity is empty");
    std::string identity(std::min<uint64_t>(section.sh_size, kMaxIdentityBytes), '\0');
    ARROW_RETURN_NOT_OK(file.Read(section.sh_offset, identity.data(), identity.size()));
    identity.resize(identity.find('\0') == std::string::npos ? identity.size()
                                                             : identity.find('\0'));
    return identity;
  }
  return std::nullopt;
}

}  // namespace longbow
