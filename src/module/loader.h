/// \file
/// Loads modules: finds the library, checks that it was built for this very server, and creates the
/// module. Used by one thread at a time, at start.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/module.h>

namespace longbow {

/// Destroys a module by its library's own function.
struct ModuleDestroyer {
  void (*destroy)(Module* module) = nullptr;
  void operator()(Module* module) const;
};

/// A module that was loaded and created. Its library stays loaded for ever: what it made (a
/// status's detail, a buffer) may outlive it.
struct LoadedModule {
  std::string name;
  std::string version;
  std::string path;  ///< of the library
  std::unique_ptr<Module, ModuleDestroyer> module;
};

class ModuleLoader {
 public:
  /// \param module_dir where modules that are given by name lie, as `liblongbow_NAME.so`
  explicit ModuleLoader(std::string module_dir) : module_dir_(std::move(module_dir)) {}

  /// Loads `name_or_path`: a path if it has a `/` or ends in `.so`, else a name. Blocks.
  /// Errors, each with what to do: NOT_FOUND (with the names that are there), BAD_ARGUMENT for what
  /// is no module, is of another build, or cannot be linked; INTERNAL_ERROR if the module cannot be
  /// created.
  arrow::Result<LoadedModule> Load(const std::string& name_or_path) const;

  /// Names of the modules that `module_dir` holds, in order.
  std::vector<std::string> AvailableModules() const;

  const std::string& module_dir() const { return module_dir_; }

 private:
  arrow::Result<std::string> FindLibrary(const std::string& name_or_path) const;

  const std::string module_dir_;
};

/// `lib/longbow/modules` beside the folder of the running program: right for the build tree and for
/// an installed one.
std::string DefaultModuleDir();

}  // namespace longbow
