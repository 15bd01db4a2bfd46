/// \file
/// The modules of a node, from loading to their end. For one thread at a time, but for `busy`.
///
/// The life of the set:
///   1. `Load` loads and creates each; the first that cannot be ends it.
///   2. `SettingsSections` tells what they want to know.
///   3. `Register` puts each behind those that it depends on, and registers all in that order: here
///      they look at their settings.
///   4. `Start` starts all in order. If one cannot be registered or started, those that were
///      started are stopped in the reverse order, all registrations are taken back, and the error
///      is returned.
///   5. `Stop` stops them in the reverse order. Nothing may call them from before that on.
///   6. The destructor stops what is still started, and destroys in the reverse order of loading.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/module.h>

#include "module/loader.h"
#include "module/registry.h"

namespace longbow {

/// What the node has for each of its modules. Outlives the set.
class ModuleHost {
 public:
  virtual ~ModuleHost() = default;
  virtual ModuleContext ContextOf(const LoadedModule& module) = 0;
  virtual void OnStarted(const LoadedModule& module) = 0;
  virtual void OnStopped(const LoadedModule& module) = 0;
};

class ModuleSet {
 public:
  ModuleSet() = default;
  /// Where a module hangs in its start, all are left as they are: only the process's end is left.
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

  /// Registers all. `host`, `logger` and `registry` outlive the set. Blocks.
  /// Errors: the failing module's, with its name and what to do; BAD_ARGUMENT for modules that need
  /// one that is not there, or each other.
  arrow::Status Register(ModuleHost* host, Logger* logger, Registry* registry);

  /// Starts all, after `Register`. Blocks, for `limit` with each at most. Errors: as of `Register`;
  /// TIMEOUT for one that has not started in time, whose thread goes on (see `hung`).
  arrow::Status Start(std::chrono::milliseconds limit);

  /// Tells all that are started of new settings. Blocks. Errors: INTERNAL_ERROR, with the names of
  /// modules that threw; all the others were told nevertheless.
  arrow::Status ApplySettings(const Settings& settings);

  /// Stops all that are started; idempotent. Blocks. A module that throws is logged and passed
  /// over.
  void Stop();

  const std::vector<LoadedModule>& modules() const { return modules_; }
  /// Whether a module has not returned from its start: the process cannot end in order.
  bool hung() const { return hung_; }
  /// What a module is being asked to do now, as "the module x to stop"; empty where none is. From
  /// any thread.
  std::string busy() const;

 private:
  arrow::Status Sort();
  void SetBusy(std::string with);
  void RollBack();

  std::vector<LoadedModule> modules_;
  size_t started_ = 0;  // the first so many of modules_
  ModuleHost* host_ = nullptr;
  Registry* registry_ = nullptr;
  Logger* logger_ = nullptr;
  bool hung_ = false;
  mutable std::mutex mutex_;
  std::string busy_;  // guarded by mutex_
};

}  // namespace longbow
