#include "server/housekeeper.h"

#include <algorithm>
#include <utility>

namespace longbow::server {

Housekeeper::Housekeeper(std::vector<Job> jobs) : jobs_(std::move(jobs)) {
  if (!jobs_.empty()) thread_ = std::thread([this] { Run(); });
}

Housekeeper::~Housekeeper() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Housekeeper::Run() {
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::time_point> due;
  for (const Job& job : jobs_) due.push_back(Clock::now() + job.interval);
  std::unique_lock lock(mutex_);
  while (true) {
    const auto next = std::min_element(due.begin(), due.end());
    if (wake_.wait_until(lock, *next, [this] { return stopping_; })) return;
    const Job& job = jobs_[static_cast<size_t>(next - due.begin())];
    lock.unlock();
    job.run();
    lock.lock();
    *next = Clock::now() + job.interval;
  }
}

}  // namespace longbow::server
