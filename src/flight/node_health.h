/// \file
/// How the node and its modules are: what `/ready`, `/health`, the action `HealthCheck` and gRPC's
/// health service say. Thread-safe; nothing blocks.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/clock.h>
#include <longbow/health.h>
#include <longbow/log.h>

namespace longbow::flight {

enum class NodeState { kStarting, kServing, kStopping };
/// `STARTING`
std::string_view NodeStateName(NodeState state);

enum class ModuleState { kStarting, kOk, kDegraded, kDown, kStopped };
/// `DEGRADED`
std::string_view ModuleStateName(ModuleState state);

struct ModuleHealth {
  std::string name;
  std::string version;
  ModuleState state = ModuleState::kStarting;
  std::string reason;  ///< a sentence; may be empty
  WallTime since;      ///< of the state
};

class NodeHealth {
 public:
  /// Both outlive it.
  NodeHealth(const Clock* clock, Logger* logger);
  ~NodeHealth();
  NodeHealth(const NodeHealth&) = delete;
  NodeHealth& operator=(const NodeHealth&) = delete;

  /// Where a module reports; valid as long as this. Once for each module, before any other thread
  /// looks.
  HealthReporter& AddModule(const std::string& name, const std::string& version);
  /// OK from now on, unless it has said something else.
  void ModuleStarted(std::string_view name);
  void ModuleStopped(std::string_view name);

  void SetState(NodeState state);
  NodeState state() const { return state_.load(std::memory_order_acquire); }
  /// Serves, and no module is down.
  bool ready() const { return ready_.load(std::memory_order_acquire); }
  /// Why it is not ready; empty where it is.
  std::string reason() const;
  /// In the order of `AddModule`.
  std::vector<ModuleHealth> modules() const;

  /// `callback` runs when `ready` has changed, on the thread that changed it, one at a time; an
  /// empty one removes it.
  void SetReadyCallback(std::function<void(bool)> callback);

 private:
  class Module;

  void Report(Module* module, ModuleState state, std::string reason, bool by_itself);
  void Refresh();
  Module* Find(std::string_view name) const;
  std::string ReasonLocked() const;

  const Clock* const clock_;
  Logger* const logger_;
  std::atomic<NodeState> state_{NodeState::kStarting};
  std::atomic<bool> ready_{false};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Module>> modules_;
  std::mutex callback_mutex_;  ///< also orders what the callback is told
  std::function<void(bool)> ready_callback_;
};

}  // namespace longbow::flight
