/// \file
/// Everything that is known before anything starts: the settings, checked, and the modules, loaded.
///
/// How it comes about: the files are read and merged; `[server]` tells which modules to load; each
/// loaded module declares its own sections; then files and environment are checked against all
/// sections.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/settings.h>

#include "config/check.h"
#include "module/module_set.h"
#include "server/node_options.h"

namespace longbow::server {

/// What a command line and a process bring along.
struct ConfigurationRequest {
  std::vector<std::string> files;                  ///< TOML, later ones win
  std::map<std::string, std::string> environment;  ///< wins over files
  std::vector<std::string> modules;  ///< if not empty, in place of the setting `modules`
  std::string default_module_dir;    ///< where the setting `module_dir` is absent
};

struct Configuration {
  std::vector<SettingsSection> sections;  ///< of the server and of the modules, in their order
  config::CheckedSettings checked;        ///< without problems
  NodeOptions options;
  std::unique_ptr<ModuleSet> modules;  ///< loaded, not registered
};

/// Reads, loads and checks. Blocks. Nothing listens, and no module is started.
/// Errors: all that is wrong, one line for each problem, with its place and what to do.
arrow::Result<Configuration> LoadConfiguration(const ConfigurationRequest& request);

}  // namespace longbow::server
