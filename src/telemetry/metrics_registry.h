/// \file
/// All metrics of the process, and the text in which Prometheus reads them.
///
/// Everything here is thread-safe. Using a metric never blocks for long; making one and scraping
/// take a lock for a moment.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <longbow/log.h>
#include <longbow/metrics.h>

namespace longbow::telemetry {

/// The content type of what `Scrape` returns.
constexpr char kExpositionContentType[] = "text/plain; version=0.0.4; charset=utf-8";

/// Names that begin the server's own metrics.
constexpr char kMetricPrefix[] = "longbow_";

constexpr size_t kMaxModuleSeries = 100;  ///< of one module; a histogram is one series
constexpr size_t kMaxServerSeries = 10'000;
/// So many refused metrics of one module (or the server) are logged one by one.
constexpr int kMaxRefusalsLogged = 20;

/// Metrics as the server makes them: also from counts that are kept elsewhere.
class ServerMetrics : public Metrics {
 public:
  /// A counter whose value is asked for when somebody looks; it may not go down. `value` is called
  /// on any thread and must not block for long.
  virtual void AddCounterFunction(const std::string& name, const std::string& help,
                                  std::function<double()> value,
                                  const MetricLabels& labels = {}) = 0;
};

/// Makes metrics as `longbow/metrics.h` says, with `longbow_` in front of their names. Beyond it:
///
/// - Names, labels and texts are checked and cut as `metrics_names.h` says.
/// - A name belongs to who used it first: the server, or one module. Others cannot add to it.
/// - All histograms of a name have the same buckets.
/// - A function's name and labels can be used once.
/// - A NaN is no sample, nor is a function that throws. Histograms and counters ignore values that
///   are not finite, counters also those below 0.
///
/// Functions added here live as long as the registry, those added to what `ForPart` and `ForModule`
/// return only as long as that.
class MetricsRegistry : public ServerMetrics {
 public:
  /// `logger` hears of metrics that are not shown. It may be null, and outlives the registry.
  static std::unique_ptr<MetricsRegistry> Make(Logger* logger);

  /// What the module `module` is lent: its names begin with `longbow_MODULE_`, and it has at most
  /// `kMaxModuleSeries`. When it is destroyed its functions are dropped, and none of them runs any
  /// longer; its other metrics stay as they are, and a second one for the same module goes on with
  /// them. The registry outlives it.
  virtual std::unique_ptr<Metrics> ForModule(const std::string& module) = 0;

  /// The same for a part of the server. `prefix` is `kMetricPrefix`, or empty for names that
  /// others fixed, such as `process_open_fds`.
  virtual std::unique_ptr<ServerMetrics> ForPart(const std::string& prefix) = 0;

  /// Every metric that has a value, in text format 0.0.4, sorted by name and labels. Calls the
  /// functions on this thread, and no lock of the registry's is held then: they may use it, but may
  /// not scrape or destroy what they were added to.
  virtual std::string Scrape() const = 0;
};

}  // namespace longbow::telemetry
