/// \file
/// Takes over what has changed while a node runs: settings that were read again, and secrets.
///
/// What can change has parts: who may do what, the HTTP endpoint's token, the log, TLS, and what
/// modules have. Each is taken over by itself, so that a broken certificate does not keep a token
/// alive that was taken away. One that cannot be stays as it was, and is a problem of the node
/// until a later change is taken over; the log says why.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <arrow/status.h>

#include <longbow/clock.h>

#include "flight/gate.h"
#include "module/module_set.h"
#include "server/access_policy.h"
#include "server/call_journal.h"
#include "server/configuration.h"
#include "server/node_problems.h"
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
  NodeProblems* problems = nullptr;
  const Clock* clock = nullptr;
  /// A change that takes longer holds up what comes after it, and is a problem of the node until it
  /// has ended.
  std::chrono::nanoseconds slow_after{0};
};

/// Thread-safe: one change at a time.
class NodeReload {
 public:
  NodeReload(ConfigurationRequest request, std::vector<SettingsSection> sections,
             config::SettingTables tables, ReloadTargets targets);

  /// The operator asks for it: files are read again, and the log's file is opened anew. Where they
  /// cannot be read, all stays as it is, and the log says why. Blocks, as long as a module does.
  void ReadAgain();
  /// A secret has a new value. Blocks, as long as a module does.
  void SecretsChanged();

  /// Looks whether a change takes too long. For regular calls; does not block.
  void Look();

  /// The node stops: from now on, nothing is taken over. Does not wait for what is under way.
  void BeginStop();
  /// Blocks until nothing is being taken over. After `BeginStop`.
  void WaitForEnd();

 private:
  /// What is taken over at once, or not at all.
  struct Part {
    std::string name;  ///< for the log
    std::string what;  ///< for people, behind "changed"
    std::vector<SettingsSection> sections;
    arrow::Status (NodeReload::*apply)(const config::SettingTables& tables, const Part& part);
  };
  /// Names of parts and settings.
  struct Outcome {
    std::vector<std::string> failed;
    std::vector<std::string> changed;
    std::vector<std::string> need_restart;
  };

  /// A change that is under way.
  class UnderWay {
   public:
    explicit UnderWay(NodeReload* reload) : reload_(reload) { reload_->BeginChange(); }
    ~UnderWay() { reload_->EndChange(); }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

   private:
    NodeReload* const reload_;
  };

  void BeginChange();
  void EndChange();
  void AddPart(std::string name, std::string what, std::vector<std::string> sections,
               decltype(Part::apply) apply);
  enum class Cause { kSettings, kSecrets };
  /// Has `tables_` follow `wanted`, part by part, with the secrets of now.
  Outcome Apply(const config::SettingTables& wanted, Cause cause);
  void TellRead(const Outcome& outcome);
  void SetProblem(const Part& part, Cause cause, bool settings_changed, bool is_used);
  arrow::Status ApplyPolicy(const config::SettingTables& tables, const Part& part);
  arrow::Status ApplyHttp(const config::SettingTables& tables, const Part& part);
  arrow::Status ApplyLog(const config::SettingTables& tables, const Part& part);
  arrow::Status ApplyTls(const config::SettingTables& tables, const Part& part);
  arrow::Status ApplyModules(const config::SettingTables& tables, const Part& part);
  Logger& logger() const { return targets_.log->component("node"); }

  const ConfigurationRequest request_;
  const std::vector<SettingsSection> sections_;
  const ReloadTargets targets_;
  std::vector<Part> parts_;
  std::atomic<bool> stopping_{false};
  std::mutex look_mutex_;  // not held while anything is taken over
  std::optional<MonotonicTime> changing_since_;
  bool is_slow_ = false;  // `changing_since_` is too long ago
  std::mutex mutex_;
  config::SettingTables tables_;  // in use
  /// The last that modules were told, and the one before: they may look at it until they are told
  /// the next.
  std::deque<std::unique_ptr<const Settings>> told_;
};

}  // namespace longbow::server
