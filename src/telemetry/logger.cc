#include "telemetry/logger.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include <longbow/error.h>

#include "base/utf8.h"
#include "telemetry/log_format.h"
#include "telemetry/log_output.h"
#include "telemetry/log_repeats.h"

namespace longbow::telemetry {
namespace {

constexpr size_t kMaxComponents = 256;
constexpr size_t kMaxComponentBytes = 64;
constexpr size_t kMaxKeyBytes = 64;
constexpr std::string_view kOtherComponent = "other";
// Of a field whose own name must not be shown.
constexpr std::string_view kHiddenName = "hidden";

LogLevel LevelOf(std::string_view component, LogLevel level, const ComponentLevels& levels) {
  const auto found = levels.find(component);
  return found == levels.end() ? level : found->second;
}

class DescriptorLog;

// One component's. Its level is all that is asked for where a line is not wanted.
class ComponentLogger : public Logger {
 public:
  ComponentLogger(DescriptorLog* log, std::string_view name, LogLevel level)
      : log_(log), name_(name), level_(level) {}

  void Log(LogLevel level, std::string_view message, const LogFields& fields) override;
  bool enabled(LogLevel level) const override {
    return level >= level_.load(std::memory_order_relaxed);
  }
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  const std::string& name() const { return name_; }

 private:
  DescriptorLog* const log_;
  const std::string name_;
  std::atomic<LogLevel> level_;
};

class DescriptorLog : public Log {
 public:
  DescriptorLog(LogOptions options, const Clock* clock)
      : clock_(clock),
        max_repeats_(options.max_repeats),
        format_(options.for_people ? LogFormat::MakeText(options.keys, options.colours)
                                   : LogFormat::MakeJson(options.keys)),
        repeats_(options.max_repeats, std::chrono::seconds(options.repeat_window_sec)),
        redact_(std::move(options.redact)),
        level_(options.level),
        component_levels_(std::move(options.component_levels)),
        root_(this, "", LevelOf("", level_, component_levels_)),
        other_(this, kOtherComponent, LevelOf(kOtherComponent, level_, component_levels_)) {}

  ~DescriptorLog() override {
    try {
      if (output_ == nullptr) return;
      for (const RepeatedLine& line : repeats_.TakeAll()) WriteRepeated(line);
      output_->TellDropped();
    } catch (...) {
      // No memory; the log ends anyway.
    }
  }

  arrow::Status Open(const LogOptions& options) {
    LogOutputOptions output{options.file, options.fd, options.max_wait_ms,
                            [this](int64_t dropped, std::string_view reason) {
                              return DroppedNotice(dropped, reason);
                            }};
    return LogOutput::Open(std::move(output)).Value(&output_);
  }

  Logger& component(std::string_view name) override {
    name = CutToBytes(name, kMaxComponentBytes);
    if (name.empty()) return root_;
    {
      std::shared_lock lock(components_mutex_);
      const auto found = components_.find(name);
      if (found != components_.end()) return *found->second;
    }
    std::unique_lock lock(components_mutex_);
    const auto found = components_.find(name);
    if (found != components_.end()) return *found->second;
    if (components_.size() >= kMaxComponents) return other_;
    try {
      auto logger =
          std::make_unique<ComponentLogger>(this, name, LevelOf(name, level_, component_levels_));
      return *components_.emplace(name, std::move(logger)).first->second;
    } catch (...) {
      // No memory for one of its own.
      return other_;
    }
  }

  void SetLevels(LogLevel level, ComponentLevels component_levels) override {
    std::unique_lock lock(components_mutex_);
    level_ = level;
    component_levels_ = std::move(component_levels);
    for (ComponentLogger* logger : {&root_, &other_}) SetLevel(logger);
    for (auto& [name, logger] : components_) SetLevel(logger.get());
  }

  std::vector<std::string> UnusedLevels() const override {
    std::shared_lock lock(components_mutex_);
    std::vector<std::string> unused;
    for (const auto& [name, level] : component_levels_) {
      const bool always_there = name.empty() || name == kOtherComponent;
      if (!always_there && components_.find(name) == components_.end()) {
        unused.push_back(name);
      }
    }
    return unused;
  }

  void SetRedact(LogRedaction redact) override {
    std::unique_lock lock(redact_mutex_);
    redact_.swap(redact);
  }

  arrow::Status Reopen() override { return output_->Reopen(); }

  void Tick() override {
    try {
      WriteEnded();
      output_->TellDropped();
    } catch (...) {
      // No memory; the next tick tries again.
    }
  }

  Statistics statistics() const override {
    return {output_->written(), output_->dropped() + lost_.load(std::memory_order_relaxed),
            suppressed_.load(std::memory_order_relaxed)};
  }

  void WriteLine(const LogLine& line) noexcept {
    try {
      WriteEnded();
      // Before it is cut for the memory of repeats.
      const std::optional<std::string> hidden = Redact(line.message);
      const LogLine safe{line.time, line.level, line.component,
                         hidden ? std::string_view(*hidden) : line.message, line.fields};
      // Other lines are not limited: each finished call has its own.
      if (line.level >= LogLevel::kWarning && max_repeats_ > 0 && !Admit(safe)) return;
      WriteNow(safe);
    } catch (...) {
      // No memory for a line, or what redacts has failed: it is lost, the server goes on.
      lost_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  WallTime WallNow() const { return clock_->WallNow(); }

 private:
  void SetLevel(ComponentLogger* logger) {
    logger->set_level(LevelOf(logger->name(), level_, component_levels_));
  }

  bool Admit(const LogLine& line) {
    std::vector<RepeatedLine> ended;
    const bool admitted =
        repeats_.Admit(line.component, line.level, line.message, clock_->Now(), &ended);
    for (const RepeatedLine& repeated : ended) WriteRepeated(repeated);
    if (!admitted) suppressed_.fetch_add(1, std::memory_order_relaxed);
    return admitted;
  }

  void WriteEnded() {
    if (repeats_.empty()) return;
    const MonotonicTime now = clock_->Now();
    if (!repeats_.MayHaveEnded(now)) return;
    for (const RepeatedLine& line : repeats_.TakeEnded(now)) WriteRepeated(line);
  }

  void WriteRepeated(const RepeatedLine& line) {
    const LogFields fields = {{"repeated", std::to_string(line.count)}};
    WriteNow({WallNow(), line.level, line.component, line.message, fields});
  }

  void WriteNow(const LogLine& line) { output_->Write(Finish(line)); }

  /// Empty: there is nothing to hide in it.
  std::optional<std::string> Redact(std::string_view text) {
    std::shared_lock lock(redact_mutex_);
    return redact_ ? redact_(text) : std::nullopt;
  }

  /// Of a line whose message has nothing to hide any more.
  std::string Finish(const LogLine& line) {
    std::optional<LogFields> fields;
    {
      std::shared_lock lock(redact_mutex_);
      if (redact_) fields = RedactFields(line.fields);
    }
    std::string text = format_->Format(
        {line.time, line.level, line.component, line.message, fields ? *fields : line.fields});
    text += '\n';
    return text;
  }

  // Empty where nothing had to be replaced, which is nearly always. The lock is held.
  std::optional<LogFields> RedactFields(const LogFields& fields) const {
    std::optional<LogFields> redacted;
    for (size_t i = 0; i < fields.size(); ++i) {
      const bool hides_name = redact_(fields[i].first).has_value();
      std::optional<std::string> value = redact_(fields[i].second);
      if (!hides_name && !value) continue;
      if (!redacted) redacted = fields;
      if (hides_name) (*redacted)[i].first = kHiddenName;
      if (value) (*redacted)[i].second = *std::move(value);
    }
    return redacted;
  }

  std::string DroppedNotice(int64_t dropped, std::string_view reason) {
    const LogFields fields = {{"dropped", std::to_string(dropped)},
                              {"reason", std::string(reason)}};
    return Finish({WallNow(), LogLevel::kWarning, "",
                   "Log lines were dropped, because they could not be written", fields});
  }

  const Clock* const clock_;
  const int max_repeats_;
  const std::unique_ptr<LogFormat> format_;
  LogRepeats repeats_;
  std::unique_ptr<LogOutput> output_;
  std::atomic<int64_t> lost_{0};
  std::atomic<int64_t> suppressed_{0};

  std::shared_mutex redact_mutex_;
  LogRedaction redact_;

  mutable std::shared_mutex components_mutex_;
  LogLevel level_;
  ComponentLevels component_levels_;
  ComponentLogger root_;
  ComponentLogger other_;
  std::map<std::string, std::unique_ptr<ComponentLogger>, std::less<>> components_;
};

void ComponentLogger::Log(LogLevel level, std::string_view message, const LogFields& fields) {
  if (!enabled(level)) return;
  log_->WriteLine({log_->WallNow(), level, name_, message, fields});
}

arrow::Status CheckKeys(const LogKeys& keys) {
  const std::array<std::string_view, 5> names = {keys.time, keys.level, keys.message, keys.trace,
                                                 "component"};
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = names[i];
    if (name.empty() || name.size() > kMaxKeyBytes || PlainLength(name) < name.size()) {
      return MakeError(
          ErrorCode::kBadArgument, "A key of the log's lines is not a usable name.",
          "It must have 1 to 64 characters of printable ASCII, no quote, no backslash.");
    }
    if (std::find(names.begin(), names.begin() + i, name) != names.begin() + i) {
      return MakeError(ErrorCode::kBadArgument,
                       "Two keys of the log's lines are both called " + std::string(name) + ".",
                       "Time, level, message, trace and component need different names.");
    }
  }
  return arrow::Status::OK();
}

arrow::Status CheckLimits(const LogOptions& options) {
  if (options.max_wait_ms < 0 || options.max_repeats < 0 || options.repeat_window_sec <= 0) {
    return MakeError(ErrorCode::kBadArgument,
                     "A limit of the log is negative, or a window is empty.",
                     "max_wait_ms and max_repeats must be 0 or more, repeat_window_sec 1 or more.");
  }
  return arrow::Status::OK();
}

// Keeps alive what its only component needs.
class LoneLogger : public Logger {
 public:
  explicit LoneLogger(const LogOptions& options) : log_(MakeLog(options)) {}

  void Log(LogLevel level, std::string_view message, const LogFields& fields) override {
    log_->component("").Log(level, message, fields);
  }
  bool enabled(LogLevel level) const override { return log_->component("").enabled(level); }

 private:
  std::unique_ptr<telemetry::Log> MakeLog(const LogOptions& options) const {
    auto log = telemetry::Log::Make(options, &clock_);
    if (log.ok()) return *std::move(log);
    LogOptions plain;
    plain.level = options.level;
    plain.for_people = options.for_people;
    plain.colours = options.colours;
    plain.fd = options.fd;
    plain.redact = options.redact;
    // Nothing in it can be wrong.
    auto fallback = telemetry::Log::Make(plain, &clock_).ValueOrDie();
    fallback->component("").Error(log.status().message());
    return fallback;
  }

  const SystemClock clock_;
  const std::unique_ptr<telemetry::Log> log_;
};

}  // namespace

arrow::Result<std::unique_ptr<Log>> Log::Make(LogOptions options, const Clock* clock) {
  ARROW_RETURN_NOT_OK(CheckKeys(options.keys));
  ARROW_RETURN_NOT_OK(CheckLimits(options));
  auto log = std::make_unique<DescriptorLog>(options, clock);
  ARROW_RETURN_NOT_OK(log->Open(options));
  return log;
}

std::unique_ptr<Logger> MakeLogger(const LogOptions& options) {
  return std::make_unique<LoneLogger>(options);
}

LogLevel ParseLogLevel(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace longbow::telemetry
