/// \file
/// The composition root: makes every object of a node and hands it to those who need it.
///
/// The life of a node:
///   1. `Make` takes a checked configuration, makes all parts, and registers the modules.
///   2. `Start` listens, for Flight and HTTP, and answers NOT_READY; starts the modules in order,
///      each with a deadline; then serves, tells gRPC's health service, and logs one line.
///   3. `Shutdown`: `/ready` and the health service say "not serving"; changed settings and secrets
///      are not taken over any more; new calls are refused with SHUTTING_DOWN; tasks that no thread
///      has begun are cancelled; running calls and tasks may go on for the grace time; then tasks
///      are cancelled, which ends the calls that wait for them; what is still open is cut off; what
///      was taking over changes has ended; modules are stopped in the reverse order.
///   4. The destructor shuts down if need be, and destroys all in the reverse order of making.
///      Secrets are kept out of the log until its last line.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <arrow/result.h>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "base/random.h"
#include "module/registry.h"
#include "server/configuration.h"
#include "server/housekeeper.h"
#include "server/memory_guard.h"
#include "server/node_problems.h"
#include "server/node_reload.h"
#include "server/node_telemetry.h"
#include "server/node_view.h"
#include "server/operations_endpoint.h"

namespace longbow::server {

/// For one thread at a time, but for `Reload` and `shutdown_step`.
class Node : private ModuleHost {
 public:
  /// \param log its lines, from the first to the last
  /// \param started when the program began, for the line that tells how long the start took
  /// Errors: those of a module that cannot be registered, or of settings that do not go together;
  /// nothing is left then.
  static arrow::Result<std::unique_ptr<Node>> Make(Configuration configuration,
                                                   std::unique_ptr<telemetry::Log> log,
                                                   MonotonicTime started);
  ~Node() override;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Blocks until the modules have started. Errors: those of a module that cannot start; an address
  /// that cannot be listened on, with the address and what to do. After an error nothing runs any
  /// more, unless a module hangs (see `hung`).
  arrow::Status Start();

  /// The operator has changed files: settings that are reloadable, and the log's file. From any
  /// thread after `Start`; from `Shutdown` on it does nothing. Blocks, for ever where a module or a
  /// disk hangs.
  void Reload();

  /// Blocks for the grace time, as long as calls are open or tasks work, and until a `Reload` has
  /// ended and the modules have stopped. Idempotent.
  void Shutdown();

  /// Whether a module has not come back from its start: then only the process's end is left.
  bool hung() const { return modules_->hung(); }
  /// What the shutdown waits for now, for people. From any thread.
  std::string shutdown_step() const;
  std::chrono::milliseconds shutdown_grace() const { return options_.shutdown_grace; }

  Logger& logger() { return log_->component("node"); }
  const std::string& node_id() const { return options_.dispatcher.node_id; }
  /// After `Start`: the URI that endpoints name.
  const std::string& location() const { return location_; }
  /// After `Start`: the bound TCP port, 0 where there is none.
  int port() const;
  /// After `Start`: the bound port of HTTP, 0 where there is none.
  int http_port() const { return http_ == nullptr ? 0 : http_->port(); }

 private:
  Node(Configuration configuration, std::unique_ptr<telemetry::Log> log, MonotonicTime started);

  arrow::Status MakeParts();
  /// Finds what is wrong with certificate and key before anything listens.
  arrow::Status CheckIdentity() const;
  void MakeView();
  arrow::Status Listen();
  arrow::Status ListenHttp();
  arrow::Status SetLocation();
  void MakeReload();
  void Measure();
  void StartHousekeeping();
  void LogReady();
  /// Until nothing is at work, or the grace is over.
  void WaitForWork();
  PolicyParts MakePolicyParts();
  std::vector<std::string> Problems() const;

  // ModuleHost
  ModuleContext ContextOf(const LoadedModule& module) override;
  void OnStarted(const LoadedModule& module) override;
  void OnStopped(const LoadedModule& module) override;

  const MonotonicTime started_;
  std::unique_ptr<telemetry::Log> log_;
  SystemClock clock_;
  SystemRandom random_;
  ConfigurationRequest request_;
  std::vector<SettingsSection> sections_;
  config::SettingTables tables_;
  const Settings settings_;
  NodeOptions options_;
  std::shared_ptr<NodeSecrets> secrets_;  // also the log's, which hides what they know
  NodeProblems problems_;
  std::unique_ptr<NodeTelemetry> telemetry_;
  std::unique_ptr<flight::NodeHealth> health_;
  std::vector<std::unique_ptr<Metrics>> module_metrics_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ModuleSet> modules_;
  std::unique_ptr<TaskRegistry> tasks_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<flight::Gate> gate_;
  std::unique_ptr<flight::Dispatcher> dispatcher_;
  std::unique_ptr<MemoryGuard> memory_;
  std::unique_ptr<NodeView> view_;
  std::unique_ptr<transport::Server> server_;
  std::unique_ptr<OperationsEndpoint> http_;
  std::unique_ptr<NodeReload> reload_;
  std::unique_ptr<telemetry::ServerMetrics> measures_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::string location_;
  std::atomic<const transport::Server*> serving_{nullptr};  ///< for those who look, on any thread
  std::atomic<int64_t> trims_{0};
  std::atomic<const char*> shutdown_step_{"its stop to begin"};  ///< empty: what modules do
  bool shut_down_ = false;
};

}  // namespace longbow::server
