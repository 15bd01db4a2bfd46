/// \file
/// Lets a call wait until the node has seen a revision of the shared state.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace longbow::flight {

/// Thread-safe. Callbacks run on the thread that advances, outside the lock, and must not block.
class RevisionGate {
 public:
  /// The state has reached `revision`; runs who waited for it. Lower numbers than before are
  /// ignored.
  void Advance(int64_t revision);

  /// Runs `reached` once the state has reached `revision`, at once where it has. Returns an id for
  /// `Forget`, 0 where it ran at once.
  int64_t WaitFor(int64_t revision, std::function<void()> reached);

  /// False where the callback has run or is running.
  bool Forget(int64_t id);

 private:
  std::mutex mutex_;
  int64_t revision_ = 0;
  int64_t next_id_ = 1;
  /// By revision and id.
  std::map<std::pair<int64_t, int64_t>, std::function<void()>> waiting_;
};

}  // namespace longbow::flight
