#include "module/module_set.h"

#include <exception>
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

arrow::Status StartOne(const LoadedModule& module) {
  try {
    arrow::Status status = module.module->Start();
    if (status.ok()) return status;
    return status.WithMessage("The module ", module.name, " cannot start: ", status.message(),
                              "; correct that, or leave the module out");
  } catch (const std::exception& error) {
    return Threw(module.name, "its start", error.what());
  } catch (...) {
    return Threw(module.name, "its start", "");
  }
}

}  // namespace

ModuleSet::~ModuleSet() {
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

arrow::Status ModuleSet::Register(const ModuleContext& context, Registry* registry) {
  registry_ = registry;
  logger_ = &context.logger;
  for (const LoadedModule& module : modules_) {
    arrow::Status status = registry->Register(module.name, *module.module, context);
    if (!status.ok()) {
      RollBack();
      return status;
    }
  }
  return arrow::Status::OK();
}

arrow::Status ModuleSet::Start() {
  for (const LoadedModule& module : modules_) {
    arrow::Status status = StartOne(module);
    if (!status.ok()) {
      RollBack();
      return status;
    }
    ++started_;
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
    try {
      module.module->Stop();
    } catch (const std::exception& error) {
      logger_->Error("The module threw an exception when it was stopped",
                     {{"module", module.name}, {"error", error.what()}});
    } catch (...) {
      logger_->Error("The module threw an exception when it was stopped",
                     {{"module", module.name}});
    }
  }
}

}  // namespace longbow
