/// \file
/// Work of several owners, who take turns: one with a thousand items keeps nobody else waiting for
/// more than one of them. Not thread-safe: its owner guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace longbow {

/// Each owner's items come out in their order. Owners need `std::hash` and `==`.
template <typename Item, typename Owner = std::string>
class FairQueue {
 public:
  /// With `first`, before the owner's other items, and the owner's turn is next.
  void Push(const Owner& owner, Item item, bool first) {
    auto it = owners_.try_emplace(owner).first;
    Waiting& of = it->second;
    if (of.items.empty()) {
      of.turn = turns_.insert(first ? turns_.begin() : turns_.end(), it->first);
    } else if (first) {
      turns_.splice(turns_.begin(), turns_, of.turn);
    }
    of.items.insert(first ? of.items.begin() : of.items.end(), std::move(item));
    ++size_;
  }

  /// The next item and its owner, of those that `may_run(owner)` says true of; nothing where there
  /// is none.
  template <typename MayRun>
  std::optional<std::pair<Owner, Item>> Pop(const MayRun& may_run) {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      if (!may_run(*turn)) continue;
      auto it = owners_.find(*turn);
      Waiting& of = it->second;
      std::pair<Owner, Item> next(it->first, std::move(of.items.front()));
      of.items.pop_front();
      --size_;
      if (of.items.empty()) {
        turns_.erase(turn);
        owners_.erase(it);
      } else {
        turns_.splice(turns_.end(), turns_, turn);
      }
      return next;
    }
    return std::nullopt;
  }

  /// Takes the owner's last item back; there must be one.
  void TakeBack(const Owner& owner) {
    auto it = owners_.find(owner);
    Waiting& of = it->second;
    of.items.pop_back();
    --size_;
    if (!of.items.empty()) return;
    turns_.erase(of.turn);
    owners_.erase(it);
  }

  /// Whether `Pop` would give something.
  template <typename MayRun>
  bool HasRunnable(const MayRun& may_run) const {
    for (const Owner& owner : turns_) {
      if (may_run(owner)) return true;
    }
    return false;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  /// Items of one owner.
  size_t size(const Owner& owner) const {
    auto it = owners_.find(owner);
    return it == owners_.end() ? 0 : it->second.items.size();
  }
  void Clear() {
    owners_.clear();
    turns_.clear();
    size_ = 0;
  }

 private:
  struct Waiting {
    std::deque<Item> items;
    typename std::list<Owner>::iterator turn;
  };

  std::unordered_map<Owner, Waiting> owners_;  // those with items
  std::list<Owner> turns_;                     // the same, whose turn is next first
  size_t size_ = 0;
};

}  // namespace longbow
