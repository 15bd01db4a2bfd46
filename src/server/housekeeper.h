/// \file
/// Jobs that come round: forgetting what has expired, giving memory back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace longbow::server {

/// One thread that runs jobs at intervals, one after the other. Jobs may block for a while; the
/// next run of a job comes its interval after the last one ended.
class Housekeeper {
 public:
  struct Job {
    std::chrono::milliseconds interval;  ///< more than 0
    std::function<void()> run;           ///< must not throw
  };

  /// Starts the thread.
  explicit Housekeeper(std::vector<Job> jobs);
  /// Waits for a job that is running.
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

 private:
  void Run();

  std::vector<Job> jobs_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace longbow::server
