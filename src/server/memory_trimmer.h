/// \file
/// What the process does with memory that it has freed.
#pragma once

#include <cstdint>
#include <functional>

namespace longbow::server {

/// Has the C library keep what is freed for the next use of it, up to a bound, where it would give
/// each larger piece back to the system at once and fault it in again a moment later. Before the
/// first large allocation; once a process.
void KeepFreedMemory();

/// Gives freed memory back to the system when the node has nothing to do: under load it would only
/// be asked for again. For one thread.
class MemoryTrimmer {
 public:
  /// A node that is never seen idle gives memory back in every tenth round.
  static constexpr int kMostSkipped = 9;

  /// \param open_calls  how many calls the node is answering now
  /// \param give_back   may block for a while
  MemoryTrimmer(std::function<int64_t()> open_calls, std::function<void()> give_back);

  /// One round; called at the setting's interval.
  void Run();

 private:
  const std::function<int64_t()> open_calls_;
  const std::function<void()> give_back_;
  int skipped_ = 0;
};

/// Gives back what the C library and Arrow's memory pool have freed. Blocks for a while.
void GiveMemoryBack();

}  // namespace longbow::server
