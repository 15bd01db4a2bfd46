#include "flight/answer_cache.h"

#include <utility>

namespace longbow::flight {
namespace {

// What an entry costs beside its texts, roughly.
constexpr int64_t kEntryBytes = 512;

}  // namespace

int64_t AnswerCache::Entry::bytes() const {
  return static_cast<int64_t>(request.size()) + answer->frame.size_bytes() + kEntryBytes;
}

std::shared_ptr<const AnswerCache::Answer> AnswerCache::Find(const std::string& request) {
  std::lock_guard lock(mutex_);
  const auto found = by_request_.find(request);
  if (found == by_request_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void AnswerCache::Add(const std::string& request, Answer answer) {
  Entry entry{request, std::make_shared<const Answer>(std::move(answer))};
  // One that would drive many others out is not worth it.
  if (entry.bytes() > max_bytes_ / 8) return;
  std::lock_guard lock(mutex_);
  if (const auto found = by_request_.find(request); found != by_request_.end()) {
    Drop(found->second);
  }
  bytes_ += entry.bytes();
  entries_.push_front(std::move(entry));
  by_request_.emplace(entries_.front().request, entries_.begin());
  while (bytes_ > max_bytes_) Drop(std::prev(entries_.end()));
}

void AnswerCache::Drop(Entries::iterator entry) {
  bytes_ -= entry->bytes();
  by_request_.erase(entry->request);
  entries_.erase(entry);
}

}  // namespace longbow::flight
