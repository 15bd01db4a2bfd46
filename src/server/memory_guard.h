/// \file
/// Keeps the process below its marks: above the high one, new work is refused; above the critical
/// one, results that nobody reads yet are dropped.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include <longbow/clock.h>
#include <longbow/log.h>

namespace longbow::server {

struct MemoryMarks {
  int64_t high_bytes = 0;      ///< 0: none
  int64_t critical_bytes = 0;  ///< 0: none
};

/// What the process may take: the limit of its control group, or else the machine's memory.
int64_t AvailableMemory();

/// What the guard looks at and does. Must not throw.
struct MemoryGuardParts {
  /// Bytes that the process takes now; below 0: not known.
  std::function<int64_t()> used_bytes;
  std::function<void(bool)> set_full;
  /// Drops results of so many bytes if there are, and tells how many results.
  std::function<int64_t(int64_t)> drop_results;
  /// Gives freed memory back to the system. Blocks for a while.
  std::function<void()> give_back;
  const Clock* clock = nullptr;
  Logger* logger = nullptr;
};

/// For one thread, but for `full` and `dropped_total`.
class MemoryGuard {
 public:
  MemoryGuard(MemoryMarks marks, MemoryGuardParts parts);

  /// One look; called several times a second. Memory that was freed, and not given back, is no
  /// reason to refuse anything: it is given back first, at most once a second.
  void Run();

  const MemoryMarks& marks() const { return marks_; }
  bool full() const { return full_.load(std::memory_order_relaxed); }
  int64_t dropped_total() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  int64_t UsedAfterGivingBack(int64_t used);
  void SetFull(bool full, int64_t used);
  void Drop(int64_t used);

  const MemoryMarks marks_;
  const MemoryGuardParts parts_;
  std::atomic<bool> full_{false};
  std::atomic<int64_t> dropped_{0};
  MonotonicTime given_back_;
};

}  // namespace longbow::server
