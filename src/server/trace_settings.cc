#include "server/trace_settings.h"

#include <optional>
#include <utility>

namespace longbow::server {
namespace {

constexpr char kSection[] = "trace";

// What is set in the settings, as the variable that means the same: one reader for both.
void AddVariable(const Settings& settings, const char* name, const char* variable,
                 std::map<std::string, std::string>* variables) {
  const std::string text = settings.GetString(kSection, name);
  if (!text.empty()) (*variables)[variable] = text;
}

}  // namespace

telemetry::TracerOptions MakeTracerOptions(const Settings& settings,
                                           const std::map<std::string, std::string>& environment,
                                           std::vector<config::Problem>* problems) {
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
  std::vector<std::string> wrong;
  telemetry::ApplyOtelEnvironment(variables, &options, &wrong);
  for (std::string& text : wrong) problems->push_back({"", std::move(text)});
  return options;
}

}  // namespace longbow::server
