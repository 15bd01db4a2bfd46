#include "flight/node_health.h"

#include <algorithm>
#include <utility>

namespace longbow::flight {
namespace {

/// Of a reason that a module gives.
constexpr size_t kMaxReasonBytes = 1024;

ModuleState ToState(HealthStatus status) {
  switch (status) {
    case HealthStatus::kOk:
      return ModuleState::kOk;
    case HealthStatus::kDegraded:
      return ModuleState::kDegraded;
    case HealthStatus::kDown:
      return ModuleState::kDown;
  }
  return ModuleState::kDown;
}

}  // namespace

std::string_view NodeStateName(NodeState state) {
  switch (state) {
    case NodeState::kStarting:
      return "STARTING";
    case NodeState::kServing:
      return "SERVING";
    case NodeState::kStopping:
      return "STOPPING";
  }
  return "STOPPING";
}

std::string_view ModuleStateName(ModuleState state) {
  switch (state) {
    case ModuleState::kStarting:
      return "STARTING";
    case ModuleState::kOk:
      return "OK";
    case ModuleState::kDegraded:
      return "DEGRADED";
    case ModuleState::kDown:
      return "DOWN";
    case ModuleState::kStopped:
      return "STOPPED";
  }
  return "DOWN";
}

class NodeHealth::Module : public HealthReporter {
 public:
  Module(NodeHealth* health, ModuleHealth initial) : known(std::move(initial)), health_(health) {}

  void Report(HealthStatus status, std::string reason) override {
    reason.resize(std::min(reason.size(), kMaxReasonBytes));
    health_->Report(this, ToState(status), std::move(reason), /*by_itself=*/true);
  }

  // Guarded by the health's lock.
  ModuleHealth known;
  bool has_reported = false;

 private:
  NodeHealth* const health_;
};

NodeHealth::NodeHealth(const Clock* clock, Logger* logger) : clock_(clock), logger_(logger) {}
NodeHealth::~NodeHealth() = default;

HealthReporter& NodeHealth::AddModule(const std::string& name, const std::string& version) {
  std::lock_guard lock(mutex_);
  modules_.push_back(std::make_unique<Module>(
      this, ModuleHealth{name, version, ModuleState::kStarting, "", clock_->WallNow()}));
  return *modules_.back();
}

NodeHealth::Module* NodeHealth::Find(std::string_view name) const {
  for (const auto& module : modules_) {
    if (module->known.name == name) return module.get();
  }
  return nullptr;
}

void NodeHealth::ModuleStarted(std::string_view name) {
  Module* module = Find(name);
  if (module != nullptr) Report(module, ModuleState::kOk, "", /*by_itself=*/false);
}

void NodeHealth::ModuleStopped(std::string_view name) {
  Module* module = Find(name);
  if (module != nullptr) Report(module, ModuleState::kStopped, "", /*by_itself=*/false);
}

void NodeHealth::Report(Module* module, ModuleState state, std::string reason, bool by_itself) {
  ModuleHealth told;
  {
    std::lock_guard lock(mutex_);
    if (state == ModuleState::kOk && !by_itself && module->has_reported) return;
    module->has_reported = module->has_reported || by_itself;
    ModuleHealth& known = module->known;
    if (known.state == state && known.reason == reason) return;
    if (known.state != state) known.since = clock_->WallNow();
    known.state = state;
    known.reason = std::move(reason);
    told = known;
  }
  if (by_itself) {
    const LogLevel level = state == ModuleState::kOk ? LogLevel::kInfo : LogLevel::kWarning;
    logger_->Log(level, "The health of a module has changed",
                 {{"module", told.name},
                  {"status", std::string(ModuleStateName(told.state))},
                  {"reason", told.reason}});
  }
  Refresh();
}

void NodeHealth::SetState(NodeState state) {
  state_.store(state, std::memory_order_release);
  Refresh();
}

void NodeHealth::Refresh() {
  std::lock_guard one_at_a_time(callback_mutex_);
  bool ready = false;
  {
    std::lock_guard lock(mutex_);
    ready = ReasonLocked().empty();
  }
  if (ready_.exchange(ready, std::memory_order_acq_rel) == ready) return;
  if (ready_callback_) ready_callback_(ready);
}

std::string NodeHealth::ReasonLocked() const {
  if (state() == NodeState::kStopping) return "the node is stopping";
  if (state() == NodeState::kStarting) return "the node is starting";
  for (const auto& module : modules_) {
    if (module->known.state != ModuleState::kDown) continue;
    const std::string& why = module->known.reason;
    return "the module " + module->known.name + " is down" + (why.empty() ? "" : ": " + why);
  }
  return {};
}

std::string NodeHealth::reason() const {
  std::lock_guard lock(mutex_);
  return ReasonLocked();
}

std::vector<ModuleHealth> NodeHealth::modules() const {
  std::lock_guard lock(mutex_);
  std::vector<ModuleHealth> all;
  for (const auto& module : modules_) all.push_back(module->known);
  return all;
}

void NodeHealth::SetReadyCallback(std::function<void(bool)> callback) {
  std::lock_guard one_at_a_time(callback_mutex_);
  ready_callback_ = std::move(callback);
}

}  // namespace longbow::flight
