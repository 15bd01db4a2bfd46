/// \file
/// What a module measures about itself, for `/metrics`.
///
/// Names follow Prometheus: `snake_case`, a unit at the end (`_bytes`, `_seconds`), counters end in
/// `_total`. The server puts `longbow_MODULE_` in front. A module makes its metrics when it
/// registers, not when a caller asks for something: labels must not come from callers, and a module
/// has a limited number of series.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace longbow {

using MetricLabels = std::map<std::string, std::string>;

/// Only grows. Thread-safe; does not block.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Increment(double by = 1) = 0;
};

/// Goes up and down. Thread-safe; does not block.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double by) = 0;
};

/// How values are distributed. Thread-safe; does not block.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

/// Makes metrics. What it returns lives as long as this does. The same name and labels give the
/// same metric. A bad name, another type or help text for a name, and a series too many give a
/// metric that is not shown, and a line in the log. Thread-safe.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual Counter& AddCounter(const std::string& name, const std::string& help,
                              const MetricLabels& labels = {}) = 0;
  virtual Gauge& AddGauge(const std::string& name, const std::string& help,
                          const MetricLabels& labels = {}) = 0;
  /// \param buckets upper bounds, growing
  virtual Histogram& AddHistogram(const std::string& name, const std::string& help,
                                  const std::vector<double>& buckets,
                                  const MetricLabels& labels = {}) = 0;
  /// A gauge whose value is asked for when somebody looks. `value` is called on any thread, must
  /// not block for long, and is kept until the module has stopped.
  virtual void AddGaugeFunction(const std::string& name, const std::string& help,
                                std::function<double()> value, const MetricLabels& labels = {}) = 0;
};

}  // namespace longbow
