#include "server/node_reload.h"

#include <string>
#include <utility>

#include <longbow/error.h>

#include "config/reload.h"

namespace longbow::server {
namespace {

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace

NodeReload::NodeReload(ConfigurationRequest request, std::vector<SettingsSection> sections,
                       config::SettingTables tables, ReloadTargets targets)
    : request_(std::move(request)),
      sections_(std::move(sections)),
      targets_(std::move(targets)),
      tables_(std::move(tables)) {}

void NodeReload::ReadAgain() {
  std::lock_guard lock(mutex_);
  if (const arrow::Status reopened = targets_.log->Reopen(); !reopened.ok()) {
    logger().Error("The log's file could not be opened again; the old one stays in use",
                   {{"error", reopened.message()}});
  }
  auto read = ReadSettings(request_, sections_);
  if (!read.ok()) {
    logger().Error("The settings could not be read again, and stay as they are",
                   {{"error", read.status().message()}});
    return;
  }
  config::Reload reload = config::MergeReloadable(tables_, read->tables, sections_);
  if (!reload.need_restart.empty()) {
    logger().Warning("Some settings have changed that take a restart",
                     {{"settings", Join(reload.need_restart)}});
  }
  const arrow::Status applied = Apply(reload.tables);
  if (!applied.ok()) {
    logger().Error("The new settings cannot be used, and stay as they were",
                   {{"error", applied.message()}});
    return;
  }
  tables_ = std::move(reload.tables);
  logger().Info("The settings were read again",
                {{"changed", reload.changed.empty() ? "none" : Join(reload.changed)}});
}

void NodeReload::SecretsChanged() {
  std::lock_guard lock(mutex_);
  const arrow::Status applied = Apply(tables_);
  if (applied.ok()) {
    logger().Info("A secret has a new value, which is in use now");
  } else {
    logger().Error("A secret's new value cannot be used; the old one stays in use",
                   {{"error", applied.message()}});
  }
}

// What can be wrong comes first, so that nothing is half done.
arrow::Status NodeReload::Apply(const config::SettingTables& tables) {
  ARROW_ASSIGN_OR_RAISE(auto settings, ResolveAll(tables, sections_, targets_.secrets));
  ARROW_ASSIGN_OR_RAISE(auto policy, MakePolicy(settings, targets_.policy));
  ARROW_ASSIGN_OR_RAISE(auto levels, MakeComponentLevels(settings));
  ARROW_RETURN_NOT_OK(ApplyTls(settings));
  targets_.gate->Replace(std::move(policy));
  ApplyLog(settings, std::move(levels));
  if (targets_.http != nullptr) targets_.http->ReplaceToken(settings.GetString("http", "token"));
  told_.push_back(std::make_unique<const Settings>(std::move(settings)));
  targets_.modules->ApplySettings(*told_.back());
  if (told_.size() > 1) told_.pop_front();
  return arrow::Status::OK();
}

arrow::Status NodeReload::ApplyTls(const Settings& settings) {
  ARROW_ASSIGN_OR_RAISE(auto tls, MakeTlsOptions(settings));
  return tls ? targets_.server->ReplaceTls(*tls) : arrow::Status::OK();
}

void NodeReload::ApplyLog(const Settings& settings, telemetry::ComponentLevels levels) {
  targets_.log->SetLevels(telemetry::ParseLogLevel(settings.GetString("log", "level")),
                          std::move(levels));
  targets_.journal->Configure(ParseCallLines(settings.GetString("log", "calls")),
                              std::chrono::milliseconds(settings.GetInt("log", "slow_call_ms")));
}

}  // namespace longbow::server
