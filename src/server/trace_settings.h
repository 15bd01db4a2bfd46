/// \file
/// From settings, and OpenTelemetry's own variables, to how traces are made and sent.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <longbow/settings.h>

#include "config/problem.h"
#include "telemetry/trace_options.h"

namespace longbow::server {

/// `[trace]` on top of `environment`, of which the variables OTEL_* count. A variable that cannot
/// be used is left out, as OpenTelemetry wants it, and told in `warnings`; a setting that cannot is
/// wrong, and told in `problems`. Neither shows a value. Pure.
telemetry::TracerOptions MakeTracerOptions(const Settings& settings,
                                           const std::map<std::string, std::string>& environment,
                                           std::vector<std::string>* warnings,
                                           std::vector<config::Problem>* problems);

}  // namespace longbow::server
