#include "module/module_set.h"

#include <algorithm>
#include <exception>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <longbow/error.h>

namespace longbow {
namespace {

arrow::Status Threw(const std::string& module, const std::string& what, const std::string& text) {
  return MakeError(ErrorCode::kInternalError,
                   "The module " + module + " is refused: " + what + " threw an exception" +
                       (text.empty() ? "" : ": " + text) +
                       "; this is a bug of the module, leave it out or ask its author");
}

arrow::Status StartOne(const std::string& name, Module* module) {
  try {
    arrow::Status status = module->Start();
    if (status.ok()) return status;
    return status.WithMessage("The module ", name, " cannot start: ", status.message(),
                              "; correct that, or leave the module out");
  } catch (const std::exception& error) {
    return Threw(name, "its start", error.what());
  } catch (...) {
    return Threw(name, "its start", "");
  }
}

// Nothing where it has not returned in time; it then goes on, on a thread of its own.
std::optional<arrow::Status> StartWithin(std::chrono::milliseconds limit,
                                         const LoadedModule& module) {
  std::promise<arrow::Status> promise;
  std::future<arrow::Status> started = promise.get_future();
  std::thread([promise = std::move(promise), name = module.name,
               module = module.module.get()]() mutable {
    promise.set_value(StartOne(name, module));
  }).detach();
  if (started.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return started.get();
}

arrow::Status NeedsMissing(const std::string& module, const std::string& missing) {
  return MakeError(ErrorCode::kBadArgument,
                   "The module " + module + " needs the module " + missing +
                       ", which is not loaded; add it to the setting modules of [server]");
}

}  // namespace

ModuleSet::~ModuleSet() {
  if (hung_) {
    for (LoadedModule& module : modules_) (void)module.module.release();
    return;
  }
  Stop();
  // What a module registered may point into it, so that goes first.
  for (const LoadedModule& module : modules_) {
    if (registry_ != nullptr) registry_->Remove(module.name);
  }
  while (!modules_.empty()) modules_.pop_back();
}

arrow::Status ModuleSet::Load(const ModuleLoader& loader,
                              const std::vector<std::string>& names_or_paths) {
  for (const std::string& name : names_or_paths) {
    ARROW_ASSIGN_OR_RAISE(LoadedModule module, loader.Load(name));
    for (const LoadedModule& other : modules_) {
      if (other.name != module.name) continue;
      return MakeError(ErrorCode::kAlreadyExists, "There are two modules with the name " +
                                                      module.name + ": " + other.path + " and " +
                                                      module.path + "; load only one of them");
    }
    modules_.push_back(std::move(module));
  }
  return arrow::Status::OK();
}

void ModuleSet::Add(LoadedModule module) { modules_.push_back(std::move(module)); }

arrow::Result<std::vector<SettingsSection>> ModuleSet::SettingsSections() const {
  std::vector<SettingsSection> all;
  for (const LoadedModule& module : modules_) {
    try {
      for (SettingsSection& section : module.module->SettingsSections()) {
        all.push_back(std::move(section));
      }
    } catch (const std::exception& error) {
      return Threw(module.name, "asking for its settings", error.what());
    } catch (...) {
      return Threw(module.name, "asking for its settings", "");
    }
  }
  return all;
}

// Takes, again and again, the first module whose needs are met: where nobody needs anything, the
// order stays as it is.
arrow::Status ModuleSet::Sort() {
  std::map<std::string, std::vector<std::string>> needs;
  for (const LoadedModule& module : modules_) {
    try {
      needs[module.name] = module.module->DependsOn();
    } catch (const std::exception& error) {
      return Threw(module.name, "asking what it depends on", error.what());
    } catch (...) {
      return Threw(module.name, "asking what it depends on", "");
    }
  }
  for (const auto& [name, needed] : needs) {
    for (const std::string& other : needed) {
      if (!needs.contains(other)) return NeedsMissing(name, other);
    }
  }
  std::vector<LoadedModule> sorted;
  std::set<std::string> there;
  while (!modules_.empty()) {
    const auto next = std::find_if(modules_.begin(), modules_.end(), [&](const LoadedModule& m) {
      const auto& needed = needs[m.name];
      return std::all_of(needed.begin(), needed.end(),
                         [&](const std::string& name) { return there.contains(name); });
    });
    if (next == modules_.end()) {
      const std::string name = modules_.front().name;
      for (LoadedModule& module : modules_) sorted.push_back(std::move(module));
      modules_ = std::move(sorted);
      return MakeError(ErrorCode::kBadArgument,
                       "The module " + name +
                           " needs, by way of others, itself; leave one of these modules out");
    }
    there.insert(next->name);
    sorted.push_back(std::move(*next));
    modules_.erase(next);
  }
  modules_ = std::move(sorted);
  return arrow::Status::OK();
}

arrow::Status ModuleSet::Register(ModuleHost* host, Logger* logger, Registry* registry) {
  host_ = host;
  registry_ = registry;
  logger_ = logger;
  ARROW_RETURN_NOT_OK(Sort());
  for (const LoadedModule& module : modules_) {
    arrow::Status status = registry->Register(module.name, *module.module, host->ContextOf(module));
    if (!status.ok()) {
      RollBack();
      return status;
    }
  }
  return arrow::Status::OK();
}

arrow::Status ModuleSet::Start(std::chrono::milliseconds limit) {
  for (const LoadedModule& module : modules_) {
    std::optional<arrow::Status> status = StartWithin(limit, module);
    if (!status) {
      Stop();
      hung_ = true;
      return MakeError(ErrorCode::kTimeout,
                       "The module " + module.name + " has not started within " +
                           std::to_string(limit.count()) +
                           " ms (setting module_start_timeout_sec of [server]); see what it waits "
                           "for, or leave it out");
    }
    if (!status->ok()) {
      RollBack();
      return *status;
    }
    ++started_;
    host_->OnStarted(module);
    logger_->Debug("The module is started", {{"module", module.name}, {"version", module.version}});
  }
  return arrow::Status::OK();
}

void ModuleSet::RollBack() {
  Stop();
  for (auto it = modules_.rbegin(); it != modules_.rend(); ++it) registry_->Remove(it->name);
}

void ModuleSet::Stop() {
  while (started_ > 0) {
    const LoadedModule& module = modules_[--started_];
    SetBusy("the module " + module.name + " to stop");
    try {
      module.module->Stop();
    } catch (const std::exception& error) {
      logger_->Error("The module threw an exception when it was stopped",
                     {{"module", module.name}, {"error", error.what()}});
    } catch (...) {
      logger_->Error("The module threw an exception when it was stopped",
                     {{"module", module.name}});
    }
    host_->OnStopped(module);
  }
  SetBusy("");
}

arrow::Status ModuleSet::ApplySettings(const Settings& settings) {
  std::string threw;
  const auto failed = [&](const std::string& name, const std::string& text) {
    threw += (threw.empty() ? "" : ", ") + name + (text.empty() ? "" : " (" + text + ")");
  };
  for (size_t i = 0; i < started_; ++i) {
    const LoadedModule& module = modules_[i];
    SetBusy("the module " + module.name + " to take over settings");
    try {
      module.module->ApplySettings(settings);
    } catch (const std::exception& error) {
      failed(module.name, error.what());
    } catch (...) {
      failed(module.name, "");
    }
  }
  SetBusy("");
  if (threw.empty()) return arrow::Status::OK();
  return MakeError(ErrorCode::kInternalError,
                   "These modules threw an exception when they were told of new settings: " +
                       threw + "; this is a bug of theirs, restart to be certain of what they use");
}

void ModuleSet::SetBusy(std::string with) {
  std::lock_guard lock(mutex_);
  busy_ = std::move(with);
}

std::string ModuleSet::busy() const {
  std::lock_guard lock(mutex_);
  return busy_;
}

}  // namespace longbow
