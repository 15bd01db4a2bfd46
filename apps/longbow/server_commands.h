/// \file
/// What the commands of the server do, apart from their options. For the main thread.
#pragma once

#include <string>
#include <vector>

namespace longbow::app {

/// `longbow start`.
struct StartOptions {
  std::vector<std::string> config_files = {};
  std::vector<std::string> modules = {};
  bool dev_log = false;
};
/// Runs a node until a signal ends it. Returns an exit code.
int RunStart(const StartOptions& options);

/// `longbow check-config`.
struct CheckConfigOptions {
  std::vector<std::string> config_files = {};
  std::vector<std::string> modules = {};
  bool explain = false;
  bool sample = false;
  bool reference = false;
};
/// Checks settings and modules, and prints what was asked for. Returns an exit code.
int RunCheckConfig(const CheckConfigOptions& options);

/// `longbow version`.
int RunVersion();

}  // namespace longbow::app
