#include "telemetry/log_repeats.h"

#include <utility>

#include "base/utf8.h"

namespace longbow::telemetry {

LogRepeats::LogRepeats(int max_repeats, std::chrono::seconds window)
    : max_repeats_(max_repeats), window_(window) {}

bool LogRepeats::Admit(std::string_view component, LogLevel level, std::string_view message,
                       MonotonicTime now, std::vector<RepeatedLine>* ended) {
  message = CutToBytes(message, kMaxMessageBytes);
  std::lock_guard lock(mutex_);
  EndUntil(now, ended);
  const auto found = by_key_.find(Key(component, level, message));
  if (found != by_key_.end()) {
    Window& window = *found->second;
    if (window.admitted < max_repeats_) {
      ++window.admitted;
      return true;
    }
    ++window.line.count;
    return false;
  }
  if (windows_.size() == kMaxMessages) EndOldest(ended);
  windows_.push_back(
      Window{{std::string(component), level, std::string(message), 0}, now + window_, 1});
  by_key_.emplace(KeyOf(windows_.back()), std::prev(windows_.end()));
  SetNextEnd();
  return true;
}

std::vector<RepeatedLine> LogRepeats::TakeEnded(MonotonicTime now) {
  std::vector<RepeatedLine> ended;
  std::lock_guard lock(mutex_);
  EndUntil(now, &ended);
  return ended;
}

std::vector<RepeatedLine> LogRepeats::TakeAll() {
  std::vector<RepeatedLine> ended;
  std::lock_guard lock(mutex_);
  while (!windows_.empty()) EndOldest(&ended);
  SetNextEnd();
  return ended;
}

void LogRepeats::EndUntil(MonotonicTime now, std::vector<RepeatedLine>* ended) {
  while (!windows_.empty() && windows_.front().end <= now) EndOldest(ended);
  SetNextEnd();
}

void LogRepeats::EndOldest(std::vector<RepeatedLine>* ended) {
  Window& oldest = windows_.front();
  by_key_.erase(KeyOf(oldest));
  if (oldest.line.count > 0) ended->push_back(std::move(oldest.line));
  windows_.pop_front();
}

void LogRepeats::SetNextEnd() {
  next_end_.store(windows_.empty() ? kNever : windows_.front().end.time_since_epoch().count(),
                  std::memory_order_relaxed);
}

}  // namespace longbow::telemetry
