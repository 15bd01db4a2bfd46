#include "server/trace_settings.h"

#include <array>
#include <string_view>

namespace longbow::server {
namespace {

constexpr char kSection[] = "trace";

constexpr std::string_view kOtlp = "OTEL_EXPORTER_OTLP_";
constexpr char kSampler[] = "OTEL_TRACES_SAMPLER";

/// A setting, and the variable that means the same: one reader for both.
struct SameVariable {
  const char* setting;
  const char* variable;
};
constexpr std::array<SameVariable, 7> kSameVariables = {{
    {"exporter", "OTEL_TRACES_EXPORTER"},
    {"protocol", "OTEL_EXPORTER_OTLP_PROTOCOL"},
    {"endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"},
    {"sampler", kSampler},
    {"service_name", "OTEL_SERVICE_NAME"},
    {"headers", "OTEL_EXPORTER_OTLP_HEADERS"},
    {"certificate_file", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
}};

/// The variables, with those that the settings stand for.
class Variables {
 public:
  Variables(const Settings& settings, const std::map<std::string, std::string>& environment) {
    for (const auto& [name, value] : environment) {
      // An empty one counts as not set.
      if (name.starts_with("OTEL_") && !value.empty()) all_.emplace(name, value);
    }
    for (const auto& [setting, variable] : kSameVariables) {
      const std::string text = settings.GetString(kSection, setting);
      if (!text.empty()) Set(setting, variable, text);
    }
    const Value& ratio = settings.Get(kSection, "ratio");
    if (ratio.is_null()) return;
    Set("ratio", "OTEL_TRACES_SAMPLER_ARG", std::to_string(ratio.as_double()));
    // A share makes sense with a sampler that has one.
    all_.emplace(kSampler, "parentbased_traceidratio");
  }

  const std::map<std::string, std::string>& all() const { return all_; }
  /// The setting that the variable's value comes from; null: the environment.
  const char* SettingOf(const std::string& variable) const {
    const auto found = settings_.find(variable);
    return found == settings_.end() ? nullptr : found->second;
  }

 private:
  void Set(const char* setting, const std::string& variable, const std::string& text) {
    all_[variable] = text;
    settings_[variable] = setting;
    // The variable for traces alone would win over that for all signals.
    if (variable.starts_with(kOtlp)) {
      all_.erase(std::string(kOtlp) + "TRACES_" + variable.substr(kOtlp.size()));
    }
  }

  std::map<std::string, std::string> all_;
  std::map<std::string, const char*> settings_;
};

}  // namespace

telemetry::TracerOptions MakeTracerOptions(const Settings& settings,
                                           const std::map<std::string, std::string>& environment,
                                           std::vector<std::string>* warnings,
                                           std::vector<config::Problem>* problems) {
  const Variables variables(settings, environment);
  telemetry::TracerOptions options;
  std::vector<telemetry::OtelProblem> found;
  telemetry::ApplyOtelEnvironment(variables.all(), &options, &found);
  for (const telemetry::OtelProblem& problem : found) {
    if (const char* setting = variables.SettingOf(problem.variable)) {
      problems->push_back(
          {"", std::string(kSection) + "." + setting + " cannot be used: " + problem.what});
    } else {
      warnings->push_back("The variable " + problem.variable + " is ignored: " + problem.what);
    }
  }
  return options;
}

}  // namespace longbow::server
