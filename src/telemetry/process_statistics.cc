#include "telemetry/process_statistics.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <longbow/error.h>

namespace longbow::telemetry {
namespace {

// statm and stat are far shorter.
constexpr size_t kMaxStatBytes = 4096;
// The machine's stat has a line for each processor before the one that is looked for.
constexpr size_t kMaxMachineStatBytes = size_t{4} << 20;

arrow::Status NotUnderstood(const char* file) {
  return MakeError(ErrorCode::kInternalError,
                   std::string(file) + " is not as expected: is this a Linux with /proc?");
}

arrow::Status NotReadable(const std::string& file) {
  return MakeError(
      ErrorCode::kInternalError,
      "cannot read " + file + ": " + std::error_code(errno, std::generic_category()).message());
}

// Takes the next word off `text`; empty at the end.
std::string_view NextWord(std::string_view* text) {
  const size_t begin = std::min(text->find_first_not_of(" \n"), text->size());
  const size_t end = std::min(text->find_first_of(" \n", begin), text->size());
  const std::string_view word = text->substr(begin, end - begin);
  text->remove_prefix(end);
  return word;
}

std::optional<int64_t> NextNumber(std::string_view* text) {
  const std::string_view word = NextWord(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// A file of /proc that stays open.
class ProcFile {
 public:
  explicit ProcFile(const char* path) : path_(path), fd_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ProcFile(const ProcFile&) = delete;
  ProcFile& operator=(const ProcFile&) = delete;
  ~ProcFile() {
    if (fd_ >= 0) close(fd_);
  }

  arrow::Status CheckOpen() const { return fd_ >= 0 ? arrow::Status::OK() : NotReadable(path_); }

  /// As it is now; valid as long as `buffer` is.
  template <size_t kSize>
  arrow::Result<std::string_view> Read(std::array<char, kSize>* buffer) const {
    // The kernel makes such a text in one go where it is read from its begin.
    const ssize_t length = pread(fd_, buffer->data(), buffer->size(), 0);
    if (length < 0) return NotReadable(path_);
    return std::string_view(buffer->data(), static_cast<size_t>(length));
  }

  /// All of a longer file, up to `max_bytes`.
  arrow::Result<std::string> ReadAll(size_t max_bytes) const {
    std::string text;
    std::array<char, kMaxStatBytes> buffer;
    while (text.size() < max_bytes) {
      const ssize_t length =
          pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
      if (length < 0) return NotReadable(path_);
      if (length == 0) break;
      text.append(buffer.data(), static_cast<size_t>(length));
    }
    return text;
  }

 private:
  const char* const path_;
  const int fd_;
};

// When the machine started, in seconds since 1970.
arrow::Result<int64_t> BootTime() {
  const ProcFile file("/proc/stat");
  ARROW_RETURN_NOT_OK(file.CheckOpen());
  ARROW_ASSIGN_OR_RAISE(const std::string text, file.ReadAll(kMaxMachineStatBytes));
  constexpr std::string_view kKey = "\nbtime ";
  const size_t begin = text.find(kKey);
  if (begin == std::string::npos) return NotUnderstood("/proc/stat");
  std::string_view rest = std::string_view(text).substr(begin + kKey.size());
  const std::optional<int64_t> seconds = NextNumber(&rest);
  if (!seconds) return NotUnderstood("/proc/stat");
  return *seconds;
}

arrow::Result<int64_t> CountOpenFiles() {
  constexpr char kFolder[] = "/proc/self/fd";
  DIR* folder = opendir(kFolder);
  if (folder == nullptr) return NotReadable(kFolder);
  int64_t count = 0;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(folder);
  return count - 1;  // without the folder's own
}

int64_t OpenFilesLimit() {
  rlimit limit{};
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNone;
  return static_cast<int64_t>(limit.rlim_cur);
}

class LinuxProcessProbe : public ProcessProbe {
 public:
  arrow::Status Open() {
    ARROW_RETURN_NOT_OK(statm_.CheckOpen());
    ARROW_RETURN_NOT_OK(stat_.CheckOpen());
    ARROW_ASSIGN_OR_RAISE(const int64_t boot_time, BootTime());
    ARROW_ASSIGN_OR_RAISE(const ProcessStat stat, ReadStat());
    const std::chrono::duration<double> after_boot(static_cast<double>(stat.start_ticks) /
                                                   ticks_per_second_);
    started_ = WallTime(std::chrono::seconds(boot_time)) +
               std::chrono::duration_cast<WallTime::duration>(after_boot);
    return arrow::Status::OK();
  }

  arrow::Result<ProcessStatistics> Read() const override {
    ARROW_ASSIGN_OR_RAISE(const MemoryPages pages, ReadPages());
    ARROW_ASSIGN_OR_RAISE(const ProcessStat stat, ReadStat());
    ARROW_ASSIGN_OR_RAISE(const int64_t open_files, CountOpenFiles());
    ProcessStatistics statistics;
    statistics.rss_bytes = pages.resident * page_bytes_;
    statistics.anonymous_bytes = AnonymousBytes(pages);
    statistics.threads = stat.threads;
    statistics.open_files = open_files;
    statistics.open_files_limit = OpenFilesLimit();
    statistics.cpu_seconds =
        static_cast<double>(stat.user_ticks + stat.system_ticks) / ticks_per_second_;
    statistics.started = started_;
    return statistics;
  }

  arrow::Result<int64_t> AnonymousMemory() const override {
    ARROW_ASSIGN_OR_RAISE(const MemoryPages pages, ReadPages());
    return AnonymousBytes(pages);
  }

 private:
  // The same as RssAnon in `status`, which takes the kernel seven times as long to write;
  // `smaps_rollup` takes it thousands of times as long.
  int64_t AnonymousBytes(const MemoryPages& pages) const {
    return std::max<int64_t>(pages.resident - pages.shared, 0) * page_bytes_;
  }

  arrow::Result<MemoryPages> ReadPages() const {
    std::array<char, kMaxStatBytes> buffer;
    ARROW_ASSIGN_OR_RAISE(const std::string_view text, statm_.Read(&buffer));
    return ParseStatm(text);
  }

  arrow::Result<ProcessStat> ReadStat() const {
    std::array<char, kMaxStatBytes> buffer;
    ARROW_ASSIGN_OR_RAISE(const std::string_view text, stat_.Read(&buffer));
    return ParseStat(text);
  }

  const ProcFile statm_{"/proc/self/statm"};
  const ProcFile stat_{"/proc/self/stat"};
  const int64_t page_bytes_ = sysconf(_SC_PAGESIZE);
  const double ticks_per_second_ = static_cast<double>(sysconf(_SC_CLK_TCK));
  WallTime started_;
};

}  // namespace

arrow::Result<std::unique_ptr<ProcessProbe>> ProcessProbe::Make() {
  auto probe = std::make_unique<LinuxProcessProbe>();
  ARROW_RETURN_NOT_OK(probe->Open());
  return probe;
}

arrow::Result<MemoryPages> ParseStatm(std::string_view text) {
  NextWord(&text);  // the address space
  const std::optional<int64_t> resident = NextNumber(&text);
  const std::optional<int64_t> shared = NextNumber(&text);
  if (!resident || !shared) return NotUnderstood("/proc/self/statm");
  return MemoryPages{*resident, *shared};
}

arrow::Result<ProcessStat> ParseStat(std::string_view text) {
  // The second field is a name in parentheses, in which there may be spaces and parentheses.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return NotUnderstood("/proc/self/stat");
  text.remove_prefix(name_end + 1);
  // Numbered as in proc(5), from 1; the third is a letter.
  std::array<std::optional<int64_t>, 23> fields;
  NextWord(&text);
  for (size_t i = 4; i < fields.size(); ++i) fields[i] = NextNumber(&text);
  for (size_t i : {14, 15, 20, 22}) {
    if (!fields[i]) return NotUnderstood("/proc/self/stat");
  }
  return ProcessStat{*fields[14], *fields[15], *fields[20], *fields[22]};
}

}  // namespace longbow::telemetry
