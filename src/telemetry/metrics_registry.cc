#include "telemetry/metrics_registry.h"

#include <cmath>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <prometheus/client_metric.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <longbow/error.h>

#include "telemetry/metrics_names.h"

namespace longbow::telemetry {
namespace {

using prometheus::ClientMetric;

/// What a histogram's samples are called, behind its name.
constexpr const char* kHistogramSuffixes[] = {"_bucket", "_count", "_sum"};

/// One line, or one histogram, of a scrape.
class Series {
 public:
  virtual ~Series() = default;
  /// Its value now, without labels; nothing where it has none.
  virtual std::optional<ClientMetric> Collect() = 0;
};

class PrometheusCounter : public Series, public Counter {
 public:
  void Increment(double by) override {
    if (std::isfinite(by)) counter_.Increment(by);  // which ignores what is below 0
  }
  std::optional<ClientMetric> Collect() override { return counter_.Collect(); }

 private:
  prometheus::Counter counter_;
};

class PrometheusGauge : public Series, public Gauge {
 public:
  void Set(double value) override { gauge_.Set(value); }
  void Add(double by) override { gauge_.Increment(by); }
  std::optional<ClientMetric> Collect() override {
    ClientMetric metric = gauge_.Collect();
    if (std::isnan(metric.gauge.value)) return std::nullopt;
    return metric;
  }

 private:
  prometheus::Gauge gauge_;
};

class PrometheusHistogram : public Series, public Histogram {
 public:
  explicit PrometheusHistogram(const std::vector<double>& buckets) : histogram_(buckets) {}
  void Observe(double value) override {
    if (std::isfinite(value)) histogram_.Observe(value);
  }
  std::optional<ClientMetric> Collect() override { return histogram_.Collect(); }

 private:
  prometheus::Histogram histogram_;
};

/// A counter or gauge that is asked for.
class FunctionSeries : public Series {
 public:
  FunctionSeries(std::string name, std::function<double()> function, Logger* logger)
      : name_(std::move(name)), function_(std::move(function)), logger_(logger) {}

  std::optional<ClientMetric> Collect() override {
    std::lock_guard lock(mutex_);
    if (!function_) return std::nullopt;
    const std::optional<double> value = Ask();
    if (!value || std::isnan(*value)) return std::nullopt;
    ClientMetric metric;
    // Only the one of the family's type is read.
    metric.counter.value = *value;
    metric.gauge.value = *value;
    return metric;
  }

  /// Waits until it no longer runs.
  void Drop() {
    std::function<double()> dropped;  // destroyed outside the lock: it may hold the last reference
    std::lock_guard lock(mutex_);
    dropped.swap(function_);
  }

 private:
  std::optional<double> Ask() {
    try {
      return function_();
    } catch (const std::exception& e) {
      Tell(e.what());
    } catch (...) {
      Tell("an exception that is not a std::exception");
    }
    return std::nullopt;
  }

  void Tell(const char* what) {
    if (told_ || logger_ == nullptr) return;
    told_ = true;  // it would be the same line at every scrape
    logger_->Warning("a metric's function threw: the metric is missing while it does",
                     {{"metric", name_}, {"error", what}});
  }

  const std::string name_;
  std::mutex mutex_;
  std::function<double()> function_;
  Logger* const logger_;
  bool told_ = false;
};

/// What stands for metrics that are not shown.
class HiddenMetric : public Counter, public Gauge, public Histogram {
 public:
  void Increment(double) override {}
  void Set(double) override {}
  void Add(double) override {}
  void Observe(double) override {}
};

/// Whose a name is, and what is left to it.
struct Owner {
  std::string name;  // of a module; empty for the server
  size_t max_series;
  size_t series = 0;
  int refusals = 0;
};

/// The series of one name.
struct Family {
  Owner* owner;
  MetricKind kind;
  std::string help;
  std::vector<double> buckets;
  std::map<MetricLabels, std::shared_ptr<Series>> series;
};

/// A series that somebody asks for.
struct Wanted {
  std::string prefix;
  std::string name;  // without the prefix
  std::string help;
  MetricKind kind;
  MetricLabels labels;
  std::vector<double> buckets = {};

  std::string full_name() const { return prefix + name; }
};

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

// prometheus-cpp writes it as it is.
std::string EscapeHelp(const std::string& help) {
  std::string escaped;
  for (char c : help) {
    if (c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

arrow::Status Conflict(std::string message) {
  return MakeError(ErrorCode::kAlreadyExists, std::move(message));
}

/// Where a function's series is.
struct FunctionPlace {
  std::string family;
  std::shared_ptr<FunctionSeries> series;
};

/// All families. Thread-safe.
class FamilyStore {
 public:
  using MakeSeries = std::function<std::shared_ptr<Series>()>;

  explicit FamilyStore(Logger* logger) : logger_(logger) {}

  Logger* logger() const { return logger_; }

  /// The owner for a module, or for the server (`""`). Lives as long as the store.
  Owner* OwnerFor(const std::string& module) {
    std::lock_guard lock(mutex_);
    auto [it, added] = owners_.try_emplace(module);
    if (added) it->second = {module, module.empty() ? kMaxServerSeries : kMaxModuleSeries};
    return &it->second;
  }

  /// The series of that name and labels, made where there is none yet. Null, and a line in the log,
  /// where it cannot be.
  std::shared_ptr<Series> FindOrAdd(Owner* owner, Wanted wanted, const MakeSeries& make) {
    arrow::Status status = Clean(&wanted);
    std::shared_ptr<Series> series;
    if (status.ok()) {
      std::lock_guard lock(mutex_);
      status = FindOrAddLocked(owner, wanted, make).Value(&series);
    }
    if (!status.ok()) Refuse(owner, wanted, status);
    return series;
  }

  /// Tells why a metric is not shown, unless its owner had too many of them.
  void Refuse(Owner* owner, const Wanted& wanted, const arrow::Status& why) {
    if (logger_ == nullptr) return;
    bool last = false;
    {
      std::lock_guard lock(mutex_);
      if (owner->refusals == kMaxRefusalsLogged) return;
      last = ++owner->refusals == kMaxRefusalsLogged;
    }
    LogFields fields = {{"metric", wanted.prefix + CleanHelp(wanted.name)},
                        {"reason", why.message()}};
    if (!owner->name.empty()) fields.emplace_back("module", owner->name);
    if (last) fields.emplace_back("note", "more such metrics of its owner are not told of");
    logger_->Warning("a metric is not shown", fields);
  }

  /// Takes functions' series away, and waits until none of them runs.
  void Drop(Owner* owner, const std::vector<FunctionPlace>& places) {
    for (const FunctionPlace& place : places) {
      {
        std::lock_guard lock(mutex_);
        auto family = families_.find(place.family);
        std::erase_if(family->second.series,
                      [&](const auto& entry) { return entry.second == place.series; });
        if (family->second.series.empty()) families_.erase(family);
        --owner->series;
      }
      place.series->Drop();
    }
  }

  std::vector<prometheus::MetricFamily> Collect() const {
    std::vector<prometheus::MetricFamily> result;
    for (auto& [name, family] : Copy()) {
      prometheus::MetricFamily shown{name, EscapeHelp(family.help), TypeOf(family.kind), {}};
      for (auto& [labels, series] : family.series) {
        std::optional<ClientMetric> metric = series->Collect();
        if (!metric) continue;
        for (const auto& [label, value] : labels) metric->label.push_back({label, value});
        shown.metric.push_back(std::move(*metric));
      }
      if (!shown.metric.empty()) result.push_back(std::move(shown));
    }
    return result;
  }

 private:
  static arrow::Status Clean(Wanted* wanted) {
    ARROW_RETURN_NOT_OK(CheckMetricName(wanted->name, wanted->kind));
    if (wanted->kind == MetricKind::kHistogram) ARROW_RETURN_NOT_OK(CheckBuckets(wanted->buckets));
    ARROW_ASSIGN_OR_RAISE(wanted->labels, CleanLabels(wanted->labels));
    wanted->help = CleanHelp(wanted->help);
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<Series>> FindOrAddLocked(Owner* owner, const Wanted& wanted,
                                                         const MakeSeries& make) {
    const std::string name = wanted.full_name();
    auto family = families_.find(name);
    if (family != families_.end()) {
      ARROW_RETURN_NOT_OK(CheckSame(family->second, *owner, wanted));
      auto found = family->second.series.find(wanted.labels);
      if (found != family->second.series.end()) return found->second;
    } else {
      ARROW_RETURN_NOT_OK(CheckSampleNames(name, wanted.kind));
    }
    if (owner->series >= owner->max_series) {
      return MakeError(
          ErrorCode::kResourceExhausted,
          "there are " + std::to_string(owner->max_series) + " series already, which is the limit");
    }
    if (family == families_.end()) {
      family = families_.emplace(name, Family{owner, wanted.kind, wanted.help, wanted.buckets, {}})
                   .first;
    }
    ++owner->series;
    return family->second.series.emplace(wanted.labels, make()).first->second;
  }

  static arrow::Status CheckSame(const Family& family, const Owner& owner, const Wanted& wanted) {
    if (family.owner != &owner) {
      return Conflict("the name is taken by " + (family.owner->name.empty()
                                                     ? std::string("the server")
                                                     : "the module " + family.owner->name));
    }
    if (family.kind != wanted.kind)
      return Conflict("the name is taken by a metric of another type");
    if (family.help != wanted.help) return Conflict("the name is taken with another help text");
    if (family.buckets != wanted.buckets) return Conflict("the name is taken with other buckets");
    return arrow::Status::OK();
  }

  /// A histogram's samples have names of their own, which may not be those of other metrics.
  arrow::Status CheckSampleNames(const std::string& name, MetricKind kind) const {
    for (const std::string suffix : kHistogramSuffixes) {
      if (kind == MetricKind::kHistogram && families_.count(name + suffix) > 0) {
        return Conflict("one of its samples would have the name of the metric " + name + suffix);
      }
      if (!name.ends_with(suffix)) continue;
      auto it = families_.find(name.substr(0, name.size() - suffix.size()));
      if (it != families_.end() && it->second.kind == MetricKind::kHistogram) {
        return Conflict("the name is that of a sample of the histogram " + it->first);
      }
    }
    return arrow::Status::OK();
  }

  /// So that no lock is held while functions run.
  std::map<std::string, Family> Copy() const {
    std::lock_guard lock(mutex_);
    return families_;
  }

  Logger* const logger_;
  mutable std::mutex mutex_;
  std::map<std::string, Owner> owners_;
  std::map<std::string, Family> families_;
};

/// One owner's way to the store, with one prefix.
class StoreMetrics : public ServerMetrics {
 public:
  StoreMetrics(FamilyStore* store, Owner* owner, std::string prefix)
      : store_(store), owner_(owner), prefix_(std::move(prefix)) {}
  StoreMetrics(const StoreMetrics&) = delete;
  StoreMetrics& operator=(const StoreMetrics&) = delete;
  ~StoreMetrics() override { store_->Drop(owner_, functions_); }

  Counter& AddCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels) override {
    return Add<Counter, PrometheusCounter>({prefix_, name, help, MetricKind::kCounter, labels});
  }
  Gauge& AddGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels) override {
    return Add<Gauge, PrometheusGauge>({prefix_, name, help, MetricKind::kGauge, labels});
  }
  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const std::vector<double>& buckets, const MetricLabels& labels) override {
    return Add<Histogram, PrometheusHistogram>(
        {prefix_, name, help, MetricKind::kHistogram, labels, buckets}, buckets);
  }
  void AddGaugeFunction(const std::string& name, const std::string& help,
                        std::function<double()> value, const MetricLabels& labels) override {
    AddFunction({prefix_, name, help, MetricKind::kGauge, labels}, std::move(value));
  }
  void AddCounterFunction(const std::string& name, const std::string& help,
                          std::function<double()> value, const MetricLabels& labels) override {
    AddFunction({prefix_, name, help, MetricKind::kCounter, labels}, std::move(value));
  }

 private:
  template <typename Interface, typename Implementation, typename... Arguments>
  Interface& Add(const Wanted& wanted, const Arguments&... arguments) {
    const std::shared_ptr<Series> series = store_->FindOrAdd(
        owner_, wanted, [&] { return std::make_shared<Implementation>(arguments...); });
    if (series == nullptr) return hidden_;
    // The store keeps it: only functions are ever taken away.
    if (auto* found = dynamic_cast<Implementation*>(series.get())) return *found;
    store_->Refuse(owner_, wanted, Conflict("its value comes from a function already"));
    return hidden_;
  }

  void AddFunction(const Wanted& wanted, std::function<double()> value) {
    std::shared_ptr<FunctionSeries> made;
    const std::shared_ptr<Series> series = store_->FindOrAdd(owner_, wanted, [&] {
      made =
          std::make_shared<FunctionSeries>(wanted.full_name(), std::move(value), store_->logger());
      return made;
    });
    if (made == nullptr) {
      if (series != nullptr) {
        store_->Refuse(owner_, wanted, Conflict("there is a metric with its name and labels"));
      }
      return;
    }
    std::lock_guard lock(mutex_);
    functions_.push_back({wanted.full_name(), std::move(made)});
  }

  FamilyStore* const store_;
  Owner* const owner_;
  const std::string prefix_;
  HiddenMetric hidden_;
  std::mutex mutex_;
  std::vector<FunctionPlace> functions_;
};

class PrometheusRegistry : public MetricsRegistry {
 public:
  explicit PrometheusRegistry(Logger* logger)
      : store_(logger), server_(&store_, store_.OwnerFor(""), kMetricPrefix) {}

  Counter& AddCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels) override {
    return server_.AddCounter(name, help, labels);
  }
  Gauge& AddGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels) override {
    return server_.AddGauge(name, help, labels);
  }
  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const std::vector<double>& buckets, const MetricLabels& labels) override {
    return server_.AddHistogram(name, help, buckets, labels);
  }
  void AddGaugeFunction(const std::string& name, const std::string& help,
                        std::function<double()> value, const MetricLabels& labels) override {
    server_.AddGaugeFunction(name, help, std::move(value), labels);
  }
  void AddCounterFunction(const std::string& name, const std::string& help,
                          std::function<double()> value, const MetricLabels& labels) override {
    server_.AddCounterFunction(name, help, std::move(value), labels);
  }

  std::unique_ptr<Metrics> ForModule(const std::string& module) override {
    // A module without a name is no server.
    const std::string name = module.empty() ? "_" : module;
    return std::make_unique<StoreMetrics>(&store_, store_.OwnerFor(name), ModulePrefix(name));
  }

  std::unique_ptr<ServerMetrics> ForPart(const std::string& prefix) override {
    return std::make_unique<StoreMetrics>(&store_, store_.OwnerFor(""), prefix);
  }

  std::string Scrape() const override {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, store_.Collect());
    return std::move(text).str();
  }

 private:
  FamilyStore store_;
  StoreMetrics server_;
};

}  // namespace

std::unique_ptr<MetricsRegistry> MetricsRegistry::Make(Logger* logger) {
  return std::make_unique<PrometheusRegistry>(logger);
}

}  // namespace longbow::telemetry
