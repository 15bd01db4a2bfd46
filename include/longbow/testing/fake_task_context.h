/// \file
/// A task that a test cancels by hand.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <longbow/service.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::testing {

/// Thread-safe.
class FakeTaskContext : public TaskContext {
 public:
  explicit FakeTaskContext(std::string task_id = "task-1") : task_id_(std::move(task_id)) {}

  const std::string& task_id() const override { return task_id_; }

  bool cancelled() const override {
    std::lock_guard lock(mutex_);
    return cancelled_;
  }

  void SetCancelCallback(std::function<void()> callback) override {
    std::unique_lock lock(mutex_);
    // A callback may replace itself; anyone else waits for it to end.
    idle_.wait(lock, [&] { return running_in_ == std::thread::id() || RunsHere(); });
    callback_ = std::move(callback);
    if (cancelled_ && callback_ && !RunsHere()) RunCallback(lock);
  }

  void SetProgress(double fraction) override {
    std::lock_guard lock(mutex_);
    progress_ = fraction;
  }

  const Principal& principal() const override { return principal_; }
  std::string traceparent() const override { return traceparent_; }
  RecordingLogger& logger() const override { return logger_; }

  /// Before the service is run.
  void SetPrincipal(Principal principal) { principal_ = std::move(principal); }
  void SetTraceparent(std::string traceparent) { traceparent_ = std::move(traceparent); }

  /// Cancels, and runs the callback here. Idempotent.
  void Cancel() {
    std::unique_lock lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    if (callback_) RunCallback(lock);
  }

  /// What `SetProgress` was last given; 0 before.
  double progress() const {
    std::lock_guard lock(mutex_);
    return progress_;
  }

 private:
  bool RunsHere() const { return running_in_ == std::this_thread::get_id(); }

  void RunCallback(std::unique_lock<std::mutex>& lock) {
    std::function<void()> callback = std::exchange(callback_, nullptr);
    running_in_ = std::this_thread::get_id();
    lock.unlock();
    callback();
    lock.lock();
    running_in_ = std::thread::id();
    idle_.notify_all();
  }

  const std::string task_id_;
  Principal principal_;
  std::string traceparent_;
  mutable RecordingLogger logger_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  bool cancelled_ = false;
  double progress_ = 0;
  std::function<void()> callback_;
  std::thread::id running_in_;  ///< Where the callback runs; none: it does not.
};

}  // namespace longbow::testing
