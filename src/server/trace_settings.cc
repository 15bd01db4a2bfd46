#include "server/trace_settings.h"

#include <string_view>
#include <utility>

namespace longbow::server {
namespace {

constexpr char kSection[] = "trace";

constexpr std::string_view kOtlp = "OTEL_EXPORTER_OTLP_";

// What is set in the settings, as the variable that means the same: one reader for both.
void AddVariable(const Settings& settings, const char* name, const std::string& variable,
                 std::map<std::string, std::string>* variables) {
  const std::string text = settings.GetString(kSection, name);
  if (text.empty()) return;
  (*variables)[variable] = text;
  // The variable for traces alone would win over that for all signals.
  if (variable.starts_with(kOtlp)) {
    variables->erase(std::string(kOtlp) + "TRACES_" + variable.substr(kOtlp.size()));
  }
}

}  // namespace

telemetry::TracerOptions MakeTracerOptions(const Settings& settings,
                                           const std::map<std::string, std::string>& environment,
                                           std::vector<std::string>* warnings) {
  std::map<std::string, std::string> variables;
  for (const auto& [name, value] : environment) {
    if (name.starts_with("OTEL_")) variables.emplace(name, value);
  }
  AddVariable(settings, "exporter", "OTEL_TRACES_EXPORTER", &variables);
  AddVariable(settings, "protocol", "OTEL_EXPORTER_OTLP_PROTOCOL", &variables);
  AddVariable(settings, "endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", &variables);
  AddVariable(settings, "sampler", "OTEL_TRACES_SAMPLER", &variables);
  AddVariable(settings, "service_name", "OTEL_SERVICE_NAME", &variables);
  AddVariable(settings, "headers", "OTEL_EXPORTER_OTLP_HEADERS", &variables);
  AddVariable(settings, "certificate_file", "OTEL_EXPORTER_OTLP_CERTIFICATE", &variables);
  const Value& ratio = settings.Get(kSection, "ratio");
  if (!ratio.is_null()) {
    variables["OTEL_TRACES_SAMPLER_ARG"] = std::to_string(ratio.as_double());
    // A share makes sense with a sampler that has one.
    variables.emplace("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
  }
  telemetry::TracerOptions options;
  telemetry::ApplyOtelEnvironment(variables, &options, warnings);
  return options;
}

}  // namespace longbow::server
