#include "flight/revision_gate.h"

#include <vector>

namespace longbow::flight {

void RevisionGate::Advance(int64_t revision) {
  std::vector<std::function<void()>> reached;
  {
    std::lock_guard lock(mutex_);
    if (revision <= revision_) return;
    revision_ = revision;
    auto end = waiting_.lower_bound({revision + 1, 0});
    for (auto it = waiting_.begin(); it != end; it = waiting_.erase(it)) {
      reached.push_back(std::move(it->second));
    }
  }
  for (auto& callback : reached) callback();
}

int64_t RevisionGate::WaitFor(int64_t revision, std::function<void()> reached) {
  {
    std::lock_guard lock(mutex_);
    if (revision > revision_) {
      const int64_t id = next_id_++;
      waiting_.emplace(std::pair(revision, id), std::move(reached));
      return id;
    }
  }
  reached();
  return 0;
}

bool RevisionGate::Forget(int64_t id) {
  std::function<void()> dropped;  // destroyed outside the lock
  std::lock_guard lock(mutex_);
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (it->first.second != id) continue;
    dropped = std::move(it->second);
    waiting_.erase(it);
    return true;
  }
  return false;
}

}  // namespace longbow::flight
