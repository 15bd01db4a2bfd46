/// \file
/// A health reporter that remembers, for tests of modules.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include <longbow/health.h>

namespace longbow::testing {

/// Thread-safe; nothing blocks.
class RecordingHealthReporter : public HealthReporter {
 public:
  void Report(HealthStatus status, std::string reason = {}) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    reason_ = std::move(reason);
  }

  /// The newest report; OK before the first.
  HealthStatus status() const {
    std::lock_guard lock(mutex_);
    return status_;
  }
  std::string reason() const {
    std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  HealthStatus status_ = HealthStatus::kOk;
  std::string reason_;
};

}  // namespace longbow::testing
