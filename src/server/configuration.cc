#include "server/configuration.h"

#include <utility>

#include <longbow/error.h>

#include "config/core_sections.h"
#include "config/declarations.h"
#include "config/document.h"
#include "config/environment.h"
#include "config/resolve.h"
#include "server/core_dumps.h"
#include "server/memory_guard.h"

namespace longbow::server {
namespace {

using config::Node;
using config::Problem;
using config::ToStrings;

// Reads `[server]` alone, for the modules to load. Problems of other sections mean nothing yet.
config::CheckedSettings CheckServerSection(const ConfigurationRequest& request, Node document) {
  const auto sections = config::CoreSections();
  std::vector<Problem> problems;
  config::ApplyEnvironment(request.environment, sections, &document, &problems);
  config::CheckedSettings checked = config::CheckSettings(document, sections);
  problems.insert(problems.end(), checked.problems.begin(), checked.problems.end());
  checked.problems.clear();
  for (Problem& problem : problems) {
    if (problem.text.starts_with("server.")) checked.problems.push_back(std::move(problem));
  }
  return checked;
}

arrow::Status LoadModules(const ConfigurationRequest& request, const Settings& settings,
                          ModuleSet* modules) {
  std::string folder = settings.GetString("server", "module_dir");
  if (folder.empty()) folder = request.default_module_dir;
  const ModuleLoader loader(std::move(folder));
  return modules->Load(loader, request.modules.empty()
                                   ? ToStrings(settings.Get("server", "modules"))
                                   : request.modules);
}

// The server's sections and those of the modules.
arrow::Result<std::vector<SettingsSection>> AllSections(const ModuleSet& modules) {
  std::vector<SettingsSection> sections = config::CoreSections();
  ARROW_ASSIGN_OR_RAISE(auto of_modules, modules.SettingsSections());
  for (SettingsSection& section : of_modules) sections.push_back(std::move(section));
  const arrow::Status status = config::CheckDeclarations(sections);
  if (!status.ok()) {
    return status.WithMessage("A module cannot be used: ", status.message(),
                              "; this is a bug of the module, leave it out or ask its author");
  }
  return sections;
}

// Vault's own settings can refer to all but Vault.
arrow::Status ResolveSecrets(Configuration* configuration) {
  configuration->secrets = std::make_unique<NodeSecrets>();
  const SettingsSection* vault = config::FindSection(configuration->sections, "vault");
  ARROW_ASSIGN_OR_RAISE(const Settings of_vault, ResolveAll(configuration->checked.tables, {*vault},
                                                            configuration->secrets.get()));
  arrow::Status used = configuration->secrets->UseVault(of_vault);
  if (!used.ok()) return used.WithMessage("[vault] cannot be used: ", used.message());
  ARROW_ASSIGN_OR_RAISE(configuration->settings,
                        ResolveAll(configuration->checked.tables, configuration->sections,
                                   configuration->secrets.get()));
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<Configuration> LoadConfiguration(const ConfigurationRequest& request) {
  std::vector<Problem> problems;
  const Node document = config::ReadFiles(request.files, &problems);
  // What is not TOML says nothing reliable about the rest.
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));

  config::CheckedSettings server = CheckServerSection(request, document);
  // Before modules are loaded and secrets are read.
  arrow::Status no_dumps;
  if (!server.settings.GetBool("server", "core_dumps")) no_dumps = ForbidCoreDumps();
  Configuration configuration;
  configuration.modules = std::make_unique<ModuleSet>();
  arrow::Status loaded = LoadModules(request, server.settings, configuration.modules.get());
  if (!loaded.ok()) {
    problems = std::move(server.problems);
    problems.push_back({"", loaded.message()});
    return config::ProblemsToStatus(problems);
  }
  ARROW_ASSIGN_OR_RAISE(configuration.sections, AllSections(*configuration.modules));

  configuration.request = request;
  ARROW_ASSIGN_OR_RAISE(configuration.checked, ReadSettings(request, configuration.sections));
  ARROW_RETURN_NOT_OK(ResolveSecrets(&configuration));
  OptionSources sources;
  sources.environment = request.environment;
  sources.available_memory_bytes = AvailableMemory();
  auto options = MakeNodeOptions(configuration.settings, sources);
  if (!options.ok()) return configuration.secrets->Redacted(options.status());
  configuration.options = *std::move(options);
  if (!no_dumps.ok()) configuration.options.warnings.push_back(no_dumps.message());
  return configuration;
}

arrow::Result<config::CheckedSettings> ReadSettings(const ConfigurationRequest& request,
                                                    const std::vector<SettingsSection>& sections) {
  std::vector<Problem> problems;
  Node document = config::ReadFiles(request.files, &problems);
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  config::ApplyEnvironment(request.environment, sections, &document, &problems);
  config::CheckedSettings checked = config::CheckSettings(document, sections);
  problems.insert(problems.end(), checked.problems.begin(), checked.problems.end());
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  return checked;
}

arrow::Result<Settings> ResolveAll(const config::SettingTables& tables,
                                   const std::vector<SettingsSection>& sections,
                                   NodeSecrets* secrets) {
  std::vector<Problem> problems;
  Settings settings = config::ResolveSettings(
      tables, sections,
      [secrets](const SettingSpec& spec, std::string_view text) {
        return spec.takes_file ? secrets->ResolveFile(text) : secrets->Resolve(text);
      },
      &problems);
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  return settings;
}

}  // namespace longbow::server
