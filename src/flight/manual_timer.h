/// \file
/// A timer for tests, which runs what is due when the test says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/timer.h"

namespace longbow::flight {

/// For one thread.
class ManualTimer : public Timer {
 public:
  int64_t Schedule(MonotonicTime when, std::function<void()> callback) override {
    callbacks_.emplace(++last_id_, std::pair(when, std::move(callback)));
    return last_id_;
  }
  bool Cancel(int64_t id) override { return callbacks_.erase(id) > 0; }
  void RunDue(MonotonicTime now) {
    for (auto it = callbacks_.begin(); it != callbacks_.end();) {
      if (it->second.first > now) {
        ++it;
        continue;
      }
      auto callback = std::move(it->second.second);
      it = callbacks_.erase(it);
      callback();
    }
  }
  /// How many callbacks wait for their time.
  size_t size() const { return callbacks_.size(); }

 private:
  int64_t last_id_ = 0;
  std::map<int64_t, std::pair<MonotonicTime, std::function<void()>>> callbacks_;
};

}  // namespace longbow::flight
