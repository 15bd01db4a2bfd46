#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/timer.h"

namespace longbow {
namespace {

/// What the timer and its thread share.
class Agenda {
 public:
  explicit Agenda(const Clock* clock) : clock_(clock) {}

  int64_t Add(MonotonicTime when, std::function<void()> callback) {
    std::lock_guard lock(mutex_);
    const int64_t id = next_id_++;
    auto it = queue_.emplace(when, Entry{id, std::move(callback)});
    by_id_.emplace(id, it);
    if (it == queue_.begin()) changed_.notify_all();
    return id;
  }

  bool Remove(int64_t id) {
    std::function<void()> dropped;  // destroyed outside the lock: it may hold the last reference
    std::lock_guard lock(mutex_);
    auto found = by_id_.find(id);
    if (found == by_id_.end()) return false;
    dropped = std::move(found->second->second.callback);
    queue_.erase(found->second);
    by_id_.erase(found);
    return true;
  }

  void Stop() {
    Queue dropped;
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
    by_id_.clear();
    changed_.notify_all();
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (queue_.empty()) {
        changed_.wait(lock);
        continue;
      }
      auto first = queue_.begin();
      // A copy: the entry may be cancelled during the wait, which looks at its limit at the end.
      const MonotonicTime when = first->first;
      if (when > clock_->Now()) {
        changed_.wait_until(lock, when);
        continue;
      }
      std::function<void()> callback = std::move(first->second.callback);
      by_id_.erase(first->second.id);
      queue_.erase(first);
      lock.unlock();
      callback();
      callback = nullptr;
      lock.lock();
    }
  }

 private:
  struct Entry {
    int64_t id;
    std::function<void()> callback;
  };
  using Queue = std::multimap<MonotonicTime, Entry>;

  const Clock* clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Queue queue_;
  std::unordered_map<int64_t, Queue::iterator> by_id_;
  int64_t next_id_ = 1;
  bool stopping_ = false;
};

class ThreadTimer : public Timer {
 public:
  explicit ThreadTimer(const Clock* clock)
      : agenda_(std::make_shared<Agenda>(clock)), thread_([agenda = agenda_] { agenda->Run(); }) {}

  ~ThreadTimer() override {
    agenda_->Stop();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  int64_t Schedule(MonotonicTime when, std::function<void()> callback) override {
    return agenda_->Add(when, std::move(callback));
  }
  bool Cancel(int64_t id) override { return agenda_->Remove(id); }

 private:
  const std::shared_ptr<Agenda> agenda_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Timer> Timer::Make(const Clock* clock) {
  return std::make_unique<ThreadTimer>(clock);
}

}  // namespace longbow
