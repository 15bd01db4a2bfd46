/// \file
/// Work of several owners, who take turns: one with a thousand items keeps nobody else waiting for
/// more than one of them. Not thread-safe: its owner guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace longbow {

/// Each owner's items come out in their order. An owner of whom `max_running` items are out (`Pop`
/// without `Done`) is passed over.
template <typename Item>
class FairQueue {
 public:
  /// \param max_running of one owner; 0: no limit
  explicit FairQueue(size_t max_running) : max_running_(max_running) {}

  /// With `first`, before the owner's other items, and the owner's turn is next.
  void Push(std::string_view owner, Item item, bool first) {
    auto it = owners_.find(std::string(owner));
    if (it == owners_.end()) it = owners_.emplace(std::string(owner), Owner()).first;
    Owner& of = it->second;
    if (of.items.empty()) {
      of.turn = turns_.insert(first ? turns_.begin() : turns_.end(), it->first);
    } else if (first) {
      turns_.splice(turns_.begin(), turns_, of.turn);
    }
    of.items.insert(first ? of.items.begin() : of.items.end(), std::move(item));
    ++size_;
  }

  /// The next item and its owner, who has one more running; nothing where none may run now.
  std::optional<std::pair<std::string, Item>> Pop() {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      auto it = owners_.find(*turn);
      Owner& owner = it->second;
      if (max_running_ != 0 && owner.running >= max_running_) continue;
      std::pair<std::string, Item> next(it->first, std::move(owner.items.front()));
      owner.items.pop_front();
      ++owner.running;
      --size_;
      if (owner.items.empty()) {
        turns_.erase(turn);
      } else {
        turns_.splice(turns_.end(), turns_, turn);
      }
      return next;
    }
    return std::nullopt;
  }

  /// An item that `Pop` gave out is through.
  void Done(const std::string& owner) {
    auto it = owners_.find(owner);
    if (it == owners_.end()) return;
    --it->second.running;
    if (it->second.running == 0 && it->second.items.empty()) owners_.erase(it);
  }

  /// Whether `Pop` would give something.
  bool HasRunnable() const {
    if (max_running_ == 0) return size_ > 0;
    for (const std::string& owner : turns_) {
      if (owners_.at(owner).running < max_running_) return true;
    }
    return false;
  }

  /// Items of the owner that are out.
  size_t running(std::string_view owner) const {
    auto it = owners_.find(std::string(owner));
    return it == owners_.end() ? 0 : it->second.running;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  void Clear() {
    for (const std::string& owner : turns_) owners_.at(owner).items.clear();
    std::erase_if(owners_, [](const auto& entry) { return entry.second.running == 0; });
    turns_.clear();
    size_ = 0;
  }

 private:
  struct Owner {
    std::deque<Item> items;
    size_t running = 0;
    std::list<std::string>::iterator turn;  ///< valid while there are items
  };

  const size_t max_running_;
  std::unordered_map<std::string, Owner> owners_;
  std::list<std::string> turns_;  ///< owners with items, whose turn is next first
  size_t size_ = 0;
};

}  // namespace longbow
