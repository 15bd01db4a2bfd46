/// \file
/// What the process does with memory that it has freed.
#pragma once

#include <cstdint>
#include <functional>

namespace longbow::server {

/// Has the C library keep what is freed for the next use of it, up to a bound, where it would give
/// each larger piece back to the system at once and fault it in again a moment later; and has Arrow
/// take its memory there. Before the first large allocation, and before Arrow's; once a process,
/// which has no other thread yet.
void KeepFreedMemory();

/// Gives freed memory back to the system when the node has had nothing to do since the last round:
/// under load it would only be asked for again, and be cleared page by page (on a virtual machine a
/// put of 512 MiB took 1.4 s instead of 0.3 s). For one thread.
class MemoryTrimmer {
 public:
  /// A node that is never seen idle gives memory back in every tenth round.
  static constexpr int kMostSkipped = 9;

  /// What the node does and has done.
  struct Activity {
    int64_t open_calls = 0;
    int64_t calls_begun = 0;
  };

  /// `give_back` may block for a while.
  MemoryTrimmer(std::function<Activity()> activity, std::function<void()> give_back);

  /// One round; called at the setting's interval.
  void Run();

 private:
  const std::function<Activity()> activity_;
  const std::function<void()> give_back_;
  int64_t calls_seen_ = 0;
  int skipped_ = 0;
};

/// Gives back what the C library and Arrow's memory pool have freed. Blocks for a while.
void GiveMemoryBack();

}  // namespace longbow::server
