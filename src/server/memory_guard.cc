#include "server/memory_guard.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <utility>

#include <unistd.h>

namespace longbow::server {
namespace {

constexpr std::chrono::seconds kGiveBackInterval{1};
// Refusing ends a little below the mark, so that it does not begin and end all the time.
constexpr double kEndRefusing = 0.95;

// The number in a file of the control group; 0 where there is none, or no limit.
int64_t ReadLimit(const std::string& path) {
  std::ifstream file(path);
  int64_t limit = 0;
  if (!(file >> limit)) return 0;
  // Version 1 says "no limit" with a number near the largest.
  return limit > (int64_t{1} << 60) ? 0 : limit;
}

// This process's control group (version 2), such as `/system.slice/longbow.service`.
std::string ControlGroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "/";
}

}  // namespace

int64_t AvailableMemory() {
  int64_t available =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const auto lower = [&available](const std::string& path) {
    const int64_t limit = ReadLimit(path);
    if (limit > 0) available = std::min(available, limit);
  };
  lower("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  // A group has no more than those that it lies in.
  const std::string root = "/sys/fs/cgroup";
  for (std::string group = ControlGroup(); group.size() > 1;
       group.resize(group.find_last_of('/'))) {
    lower(root + group + "/memory.max");
  }
  lower(root + "/memory.max");
  return available;
}

MemoryGuard::MemoryGuard(MemoryMarks marks, MemoryGuardParts parts)
    : marks_(marks), parts_(std::move(parts)), given_back_(parts_.clock->Now()) {}

void MemoryGuard::Run() {
  int64_t used = parts_.used_bytes();
  if (used < 0) return;
  const int64_t lowest_mark = marks_.high_bytes > 0 ? marks_.high_bytes : marks_.critical_bytes;
  // Also between the mark and where refusing ends: else that may never come.
  if (lowest_mark > 0 && (used >= lowest_mark || full())) used = UsedAfterGivingBack(used);
  if (marks_.critical_bytes > 0 && used >= marks_.critical_bytes) Drop(used);
  if (marks_.high_bytes == 0) return;
  const double end = kEndRefusing * static_cast<double>(marks_.high_bytes);
  if (!full() && used >= marks_.high_bytes) {
    SetFull(true, used);
  } else if (full() && static_cast<double>(used) < end) {
    SetFull(false, used);
  }
}

int64_t MemoryGuard::UsedAfterGivingBack(int64_t used) {
  const MonotonicTime now = parts_.clock->Now();
  if (now - given_back_ < kGiveBackInterval) return used;
  given_back_ = now;
  parts_.give_back();
  const int64_t after = parts_.used_bytes();
  return after < 0 ? used : after;
}

void MemoryGuard::SetFull(bool full, int64_t used) {
  full_.store(full, std::memory_order_relaxed);
  parts_.set_full(full);
  const LogFields fields = {{"used_bytes", std::to_string(used)},
                            {"memory_high_bytes", std::to_string(marks_.high_bytes)}};
  if (full) {
    parts_.logger->Warning("The node is short of memory and takes no new work", fields);
  } else {
    parts_.logger->Info("The node has memory again and takes new work", fields);
  }
}

void MemoryGuard::Drop(int64_t used) {
  const int64_t dropped = parts_.drop_results(used - marks_.critical_bytes);
  if (dropped == 0) return;
  dropped_.fetch_add(dropped, std::memory_order_relaxed);
  // What they took is given back before the next look, which would drop more for it.
  given_back_ -= kGiveBackInterval;
  parts_.logger->Warning("Results that nobody had begun to read were dropped for lack of memory",
                         {{"results", std::to_string(dropped)},
                          {"used_bytes", std::to_string(used)},
                          {"memory_critical_bytes", std::to_string(marks_.critical_bytes)}});
}

}  // namespace longbow::server
