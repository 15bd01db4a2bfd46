/// \file
/// What the loaded modules provide, collected module by module.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/module.h>

#include "flight/service_directory.h"

namespace longbow {

/// Filled at start by one thread, module by module; from then on read only, and thread-safe.
class Registry : public ServiceDirectory {
 public:
  static std::unique_ptr<Registry> Make();

  /// Runs `module.Register` on a registrar of its own, and takes over what it registered only if
  /// all of it succeeded. An exception is an error. Errors name the module, what is wrong and what
  /// to do.
  virtual arrow::Status Register(const std::string& module_name, Module& module,
                                 const ModuleContext& context) = 0;
  /// Takes back what a module registered, when its start failed.
  virtual void Remove(const std::string& module_name) = 0;
};

}  // namespace longbow
