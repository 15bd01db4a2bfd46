/// \file
/// Takes over what has changed while a node runs: settings that were read again, and secrets.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <arrow/status.h>

#include "flight/gate.h"
#include "module/module_set.h"
#include "server/access_policy.h"
#include "server/call_journal.h"
#include "server/configuration.h"
#include "server/operations_endpoint.h"
#include "telemetry/logger.h"
#include "transport/server.h"

namespace longbow::server {

/// What is told of new settings. All outlive it; those that say so may be null.
struct ReloadTargets {
  NodeSecrets* secrets = nullptr;
  flight::Gate* gate = nullptr;
  PolicyParts policy;
  telemetry::Log* log = nullptr;
  CallJournal* journal = nullptr;
  ModuleSet* modules = nullptr;
  transport::Server* server = nullptr;
  OperationsEndpoint* http = nullptr;  ///< may be null
};

/// Thread-safe: one change at a time.
class NodeReload {
 public:
  NodeReload(ConfigurationRequest request, std::vector<SettingsSection> sections,
             config::SettingTables tables, ReloadTargets targets);

  /// The operator asks for it: files are read again, and the log's file is opened anew. Where
  /// something is wrong, all stays as it is, and the log says what. Blocks.
  void ReadAgain();
  /// A secret has a new value. Blocks.
  void SecretsChanged();

 private:
  arrow::Status Apply(const config::SettingTables& tables);
  arrow::Status ApplyTls(const Settings& settings);
  void ApplyLog(const Settings& settings, telemetry::ComponentLevels levels);
  Logger& logger() const { return targets_.log->component("node"); }

  const ConfigurationRequest request_;
  const std::vector<SettingsSection> sections_;
  const ReloadTargets targets_;
  std::mutex mutex_;
  config::SettingTables tables_;
  /// The last that modules were told, and the one before: they may look at it until they are told
  /// the next.
  std::deque<std::unique_ptr<const Settings>> told_;
};

}  // namespace longbow::server
