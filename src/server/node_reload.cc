#include "server/node_reload.h"

#include <algorithm>
#include <utility>

#include <longbow/error.h>

#include "config/declarations.h"
#include "config/reload.h"
#include "server/node_telemetry.h"

namespace longbow::server {
namespace {

constexpr char kFiles[] = "files";
constexpr char kTold[] = "modules told";
constexpr char kUnderWay[] = "reload";

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

void Append(std::vector<std::string> more, std::vector<std::string>* to) {
  for (std::string& name : more) to->push_back(std::move(name));
}

}  // namespace

NodeReload::NodeReload(ConfigurationRequest request, std::vector<SettingsSection> sections,
                       config::SettingTables tables, ReloadTargets targets)
    : request_(std::move(request)),
      sections_(std::move(sections)),
      targets_(std::move(targets)),
      tables_(std::move(tables)) {
  // Who is let in comes first, and modules, which may take their time, last.
  AddPart("access", "tokens, keys or rules", {"auth", "auth.token", "auth.jwt", "access.rule"},
          &NodeReload::ApplyPolicy);
  AddPart("http", "token of [http]", {"http"}, &NodeReload::ApplyHttp);
  AddPart("log", "settings of [log]", {"log"}, &NodeReload::ApplyLog);
  AddPart("tls", "certificates or keys of [server]", {"server"}, &NodeReload::ApplyTls);
  Part rest{"modules", "settings of modules", {}, &NodeReload::ApplyModules};
  for (const SettingsSection& section : sections_) {
    const bool is_taken = std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
      return config::FindSection(part.sections, section.name) != nullptr;
    });
    if (!is_taken) rest.sections.push_back(section);
  }
  parts_.push_back(std::move(rest));
}

void NodeReload::AddPart(std::string name, std::string what, std::vector<std::string> sections,
                         decltype(Part::apply) apply) {
  Part part{std::move(name), std::move(what), {}, apply};
  for (const std::string& section : sections) {
    if (const auto* found = config::FindSection(sections_, section)) {
      part.sections.push_back(*found);
    }
  }
  parts_.push_back(std::move(part));
}

void NodeReload::BeginStop() { stopping_ = true; }

void NodeReload::WaitForEnd() { std::lock_guard lock(mutex_); }

void NodeReload::BeginChange() {
  std::lock_guard lock(look_mutex_);
  changing_since_ = targets_.clock->Now();
}

void NodeReload::EndChange() {
  std::lock_guard lock(look_mutex_);
  changing_since_.reset();
  if (is_slow_) targets_.problems->Set(kUnderWay, "");
  is_slow_ = false;
}

void NodeReload::Look() {
  const MonotonicTime now = targets_.clock->Now();
  std::lock_guard lock(look_mutex_);
  const bool slow = changing_since_ && now - *changing_since_ >= targets_.slow_after;
  if (!slow || is_slow_ || stopping_) return;
  is_slow_ = true;
  const std::string busy = targets_.modules->busy();
  const std::string problem =
      "changed settings or secrets are still being taken over, and later ones wait for that; it "
      "waits for " +
      (busy.empty() ? "them to be read" : busy);
  targets_.problems->Set(kUnderWay, problem);
  logger().Warning(problem + "; where that never ends, only a restart does");
}

void NodeReload::ReadAgain() {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  const UnderWay under_way(this);
  if (const arrow::Status reopened = targets_.log->Reopen(); !reopened.ok()) {
    logger().Error("The log's file could not be opened again; the old one stays in use",
                   {{"error", reopened.message()}});
  }
  auto read = ReadSettings(request_, sections_);
  targets_.problems->Set(
      kFiles,
      read.ok()
          ? ""
          : "the changed files of settings cannot be used, so the old settings are; the log says "
            "why");
  if (!read.ok()) {
    logger().Error("The settings could not be read again, and stay as they are",
                   {{"error", read.status().message()}});
    return;
  }
  TellRead(Apply(read->tables, Cause::kSettings));
}

void NodeReload::TellRead(const Outcome& outcome) {
  if (stopping_) return;
  if (!outcome.need_restart.empty()) {
    logger().Warning("Some settings have changed that take a restart",
                     {{"settings", Join(outcome.need_restart)}});
  }
  LogFields fields = {{"changed", outcome.changed.empty() ? "none" : Join(outcome.changed)}};
  if (!outcome.failed.empty()) fields.push_back({"not_used", Join(outcome.failed)});
  logger().Info("The settings were read again", fields);
}

void NodeReload::SecretsChanged() {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  const UnderWay under_way(this);
  const Outcome outcome = Apply(tables_, Cause::kSecrets);
  if (stopping_) return;
  if (outcome.failed.empty()) {
    logger().Info("A secret has a new value, which is in use now");
  } else {
    logger().Info("A secret has a new value, which is in use now where it could be taken over",
                  {{"not_used", Join(outcome.failed)}});
  }
}

NodeReload::Outcome NodeReload::Apply(const config::SettingTables& wanted, Cause cause) {
  const char* failure = cause == Cause::kSettings
                            ? "The new settings cannot be used, and stay as they were"
                            : "A secret's new value cannot be used; the old one stays in use";
  Outcome outcome;
  targets_.secrets->MarkUnused();
  for (const Part& part : parts_) {
    config::Reload merged = config::MergeReloadable(tables_, wanted, part.sections);
    const arrow::Status applied = (this->*part.apply)(merged.tables, part);
    // A node that stops interrupts its secrets: no failure is worth a word any more.
    if (stopping_) return outcome;
    SetProblem(part, cause, !merged.changed.empty(), applied.ok());
    Append(std::move(merged.need_restart), &outcome.need_restart);
    if (!applied.ok()) {
      logger().Error(failure, {{"part", part.name}, {"error", applied.message()}});
      outcome.failed.push_back(part.name);
      continue;
    }
    tables_ = std::move(merged.tables);
    Append(std::move(merged.changed), &outcome.changed);
  }
  // A part that failed uses what it was not asked for now.
  if (outcome.failed.empty()) targets_.secrets->ForgetUnused();
  return outcome;
}

// Settings that cannot be used are a problem until they are read again, whatever secrets do. The
// problem says no more, since callers may read it: what is wrong with a rule tells of rules.
void NodeReload::SetProblem(const Part& part, Cause cause, bool settings_changed, bool is_used) {
  const std::string problem =
      is_used ? ""
              : "changed " + part.what + " cannot be used, so the old ones are; the log says why";
  if (cause == Cause::kSettings) {
    targets_.problems->Set(part.name + " settings", settings_changed ? problem : "");
  }
  if (is_used || !settings_changed) targets_.problems->Set(part.name + " secrets", problem);
}

// In each of these, what can be wrong comes first, so that nothing is half done.

arrow::Status NodeReload::ApplyPolicy(const config::SettingTables& tables, const Part& part) {
  ARROW_ASSIGN_OR_RAISE(const Settings settings,
                        ResolveAll(tables, part.sections, targets_.secrets));
  ARROW_ASSIGN_OR_RAISE(auto policy, MakePolicy(settings, targets_.policy));
  targets_.gate->Replace(std::move(policy));
  return arrow::Status::OK();
}

arrow::Status NodeReload::ApplyHttp(const config::SettingTables& tables, const Part& part) {
  ARROW_ASSIGN_OR_RAISE(const Settings settings,
                        ResolveAll(tables, part.sections, targets_.secrets));
  if (targets_.http == nullptr) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(std::string token, MakeHttpToken(settings));
  return targets_.http->ReplaceToken(std::move(token));
}

arrow::Status NodeReload::ApplyLog(const config::SettingTables& tables, const Part& part) {
  ARROW_ASSIGN_OR_RAISE(const Settings settings,
                        ResolveAll(tables, part.sections, targets_.secrets));
  ARROW_ASSIGN_OR_RAISE(auto levels, MakeComponentLevels(settings));
  targets_.log->SetLevels(telemetry::ParseLogLevel(settings.GetString("log", "level")),
                          std::move(levels));
  if (tables != tables_) TellUnusedLevels(targets_.log);
  targets_.journal->Configure(ParseCallLines(settings.GetString("log", "calls")),
                              std::chrono::milliseconds(settings.GetInt("log", "slow_call_ms")));
  return arrow::Status::OK();
}

arrow::Status NodeReload::ApplyTls(const config::SettingTables& tables, const Part& part) {
  ARROW_ASSIGN_OR_RAISE(const Settings settings,
                        ResolveAll(tables, part.sections, targets_.secrets));
  ARROW_ASSIGN_OR_RAISE(auto tls, MakeTlsOptions(settings));
  return tls ? targets_.server->ReplaceTls(*tls) : arrow::Status::OK();
}

// They are told all sections: of the parts before, those that are in use.
arrow::Status NodeReload::ApplyModules(const config::SettingTables& tables, const Part& /*part*/) {
  ARROW_ASSIGN_OR_RAISE(Settings settings, ResolveAll(tables, sections_, targets_.secrets));
  told_.push_back(std::make_unique<const Settings>(std::move(settings)));
  const arrow::Status applied = targets_.modules->ApplySettings(*told_.back());
  if (told_.size() > 1) told_.pop_front();
  // All have been told, and what those use that threw is theirs to know: there is no way back.
  targets_.problems->Set(
      kTold, applied.ok() ? ""
                          : "a module failed when it was told of changed settings or secrets, and "
                            "may use old ones; the log says which");
  if (!applied.ok()) {
    logger().Error("Modules may use old settings or secrets", {{"error", applied.message()}});
  }
  return arrow::Status::OK();
}

}  // namespace longbow::server
