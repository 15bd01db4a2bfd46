/// \file
/// Metrics that a test can look at.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <longbow/metrics.h>

namespace longbow::testing {

/// Thread-safe; nothing blocks.
class RecordingMetrics : public Metrics {
 public:
  Counter& AddCounter(const std::string& name, const std::string& /*help*/,
                      const MetricLabels& labels = {}) override {
    return Find(name, labels);
  }
  Gauge& AddGauge(const std::string& name, const std::string& /*help*/,
                  const MetricLabels& labels = {}) override {
    return Find(name, labels);
  }
  Histogram& AddHistogram(const std::string& name, const std::string& /*help*/,
                          const std::vector<double>& /*buckets*/,
                          const MetricLabels& labels = {}) override {
    return Find(name, labels);
  }
  void AddGaugeFunction(const std::string& name, const std::string& /*help*/,
                        std::function<double()> value, const MetricLabels& labels = {}) override {
    std::lock_guard lock(mutex_);
    functions_[{name, labels}] = std::move(value);
  }

  /// The value of a counter or gauge, the sum of a histogram, or what a function says; nothing
  /// where there is no such metric.
  std::optional<double> value(const std::string& name, const MetricLabels& labels = {}) const {
    std::function<double()> function;
    {
      std::lock_guard lock(mutex_);
      if (auto it = series_.find({name, labels}); it != series_.end()) return it->second->value();
      auto it = functions_.find({name, labels});
      if (it == functions_.end()) return std::nullopt;
      function = it->second;
    }
    return function();
  }

 private:
  using Key = std::pair<std::string, MetricLabels>;

  class Series : public Counter, public Gauge, public Histogram {
   public:
    void Increment(double by = 1) override { Add(by); }
    void Observe(double value) override { Add(value); }
    void Set(double value) override {
      std::lock_guard lock(mutex_);
      value_ = value;
    }
    void Add(double by) override {
      std::lock_guard lock(mutex_);
      value_ += by;
    }
    double value() const {
      std::lock_guard lock(mutex_);
      return value_;
    }

   private:
    mutable std::mutex mutex_;
    double value_ = 0;
  };

  Series& Find(const std::string& name, const MetricLabels& labels) {
    std::lock_guard lock(mutex_);
    auto& series = series_[{name, labels}];
    if (!series) series = std::make_unique<Series>();
    return *series;
  }

  mutable std::mutex mutex_;
  std::map<Key, std::unique_ptr<Series>> series_;
  std::map<Key, std::function<double()>> functions_;
};

}  // namespace longbow::testing
