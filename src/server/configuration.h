/// \file
/// Everything that is known before anything starts: the settings, checked, and the modules, loaded.
///
/// How it comes about: the files are read and merged; `[server]` tells which modules to load; each
/// loaded module declares its own sections; then files and environment are checked against all
/// sections; last, secrets are put where settings refer to them, those in Vault when `[vault]` is
/// known.
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
#include "server/node_secrets.h"

namespace longbow::server {

/// What a command line and a process bring along.
struct ConfigurationRequest {
  std::vector<std::string> files;                  ///< TOML, later ones win
  std::map<std::string, std::string> environment;  ///< wins over files; OTEL_* as well
  std::vector<std::string> modules;  ///< if not empty, in place of the setting `modules`
  std::string default_module_dir;    ///< where the setting `module_dir` is absent
};

struct Configuration {
  ConfigurationRequest request;           ///< what it came of, to read it again
  std::vector<SettingsSection> sections;  ///< of the server and of the modules, in their order
  config::CheckedSettings checked;        ///< without problems; with references, not secrets
  Settings settings;                      ///< with secrets in the place of references
  NodeOptions options;
  std::unique_ptr<NodeSecrets> secrets;
  std::unique_ptr<ModuleSet> modules;  ///< loaded, not registered
};

/// Reads, loads and checks; before it loads modules and resolves secrets, it forbids core dumps of
/// this process unless they are wanted. Blocks. Nothing listens, and no module is started.
/// Errors: all that is wrong, one line for each problem, with its place and what to do.
arrow::Result<Configuration> LoadConfiguration(const ConfigurationRequest& request);

/// Reads files and environment again, for sections that are known. Blocks. Errors: all that is
/// wrong, as above.
arrow::Result<config::CheckedSettings> ReadSettings(const ConfigurationRequest& request,
                                                    const std::vector<SettingsSection>& sections);

/// The settings with secrets in the place of references. Blocks. Errors: those that cannot be
/// resolved, by setting and reference.
arrow::Result<Settings> ResolveAll(const config::SettingTables& tables,
                                   const std::vector<SettingsSection>& sections,
                                   NodeSecrets* secrets);

}  // namespace longbow::server
