/// \file
/// A map that forgets what has not been asked for longest.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace longbow::access {

/// At most `max_entries`, at least 1. Not thread-safe: its owner holds a lock.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class LruCache {
 public:
  explicit LruCache(size_t max_entries) : max_entries_(max_entries) {}
  LruCache(const LruCache&) = delete;
  LruCache& operator=(const LruCache&) = delete;

  /// Null where there is none; good until the next change.
  const Value* Find(const Key& key) {
    const auto found = index_.find(&key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  /// Takes the place of an entry with an equal key.
  void Put(Key key, Value value) {
    Erase(key);
    if (entries_.size() >= max_entries_) Erase(entries_.back().first);
    entries_.emplace_front(std::move(key), std::move(value));
    index_.emplace(&entries_.front().first, entries_.begin());
  }

  void Erase(const Key& key) {
    const auto found = index_.find(&key);
    if (found == index_.end()) return;
    const auto entry = found->second;
    // The index looks at the entry's key.
    index_.erase(found);
    entries_.erase(entry);
  }

  void Clear() {
    index_.clear();
    entries_.clear();
  }

  size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<const Key, Value>>;
  struct HashOfTarget {
    size_t operator()(const Key* key) const { return Hash()(*key); }
  };
  struct EqualTargets {
    bool operator()(const Key* a, const Key* b) const { return *a == *b; }
  };

  const size_t max_entries_;
  Entries entries_;  // newest first
  std::unordered_map<const Key*, typename Entries::iterator, HashOfTarget, EqualTargets> index_;
};

}  // namespace longbow::access
