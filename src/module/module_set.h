/// \file
/// The modules of a node, from loading to their end. For one thread at a time.
///
/// The life of the set:
///   1. `Load` loads and creates each; the first that cannot be ends it.
///   2. `SettingsSections` tells what they want to know.
///   3. `Register` registers all in order: here they look at their settings.
///   4. `Start` starts all in order. If one cannot be registered or started, those that were
///   started are
///      stopped in the reverse order, all registrations are taken back, and the error is returned.
///   5. `Stop` stops them in the reverse order. Nothing may call them from before that on.
///   6. The destructor stops what is still started, and destroys in the reverse order of loading.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/module.h>

#include "module/loader.h"
#include "module/registry.h"

namespace longbow {

class ModuleSet {
 public:
  ModuleSet() = default;
  ~ModuleSet();
  ModuleSet(const ModuleSet&) = delete;
  ModuleSet& operator=(const ModuleSet&) = delete;

  /// Loads modules by name or path, in this order, and creates them. Blocks.
  /// Errors: those of `ModuleLoader::Load`; ALREADY_EXISTS for two modules of one name. What was
  /// loaded before the one that failed is kept, so that its settings can be looked at.
  arrow::Status Load(const ModuleLoader& loader, const std::vector<std::string>& names_or_paths);

  /// Takes over a module that is not from a library of its own.
  void Add(LoadedModule module);

  /// The sections of all modules, in their order.
  /// Errors: INTERNAL_ERROR for a module that throws.
  arrow::Result<std::vector<SettingsSection>> SettingsSections() const;

  /// Registers all. `registry`, and all that `context` names, outlive the set. Blocks.
  /// Errors: the failing module's, with its name and what to do.
  arrow::Status Register(const ModuleContext& context, Registry* registry);

  /// Starts all, after `Register`. Blocks. Errors: as of `Register`.
  arrow::Status Start();

  /// Stops all that are started; idempotent. Blocks. A module that throws is logged and passed
  /// over.
  void Stop();

  const std::vector<LoadedModule>& modules() const { return modules_; }

 private:
  void RollBack();

  std::vector<LoadedModule> modules_;
  size_t started_ = 0;  // the first so many of modules_
  Registry* registry_ = nullptr;
  Logger* logger_ = nullptr;
};

}  // namespace longbow
