/// \file
/// A module: a shared library that is loaded at start and provides services.
///
/// The life of a module: the loader reads the library's identity from the file and compares it with
/// its own; loads the library, which is never unloaded; creates the `Module`; checks the settings
/// against `SettingsSections`; calls `Register`, whose registrations take effect only if all of it
/// succeeds; calls `Start`, of a module behind those that it depends on and otherwise in the order
/// of loading, and at the end `Stop` in the reverse order. All of these come one at a time, and may
/// block; `Start` and `Stop` have a deadline, after which the process gives up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/authenticator.h>
#include <longbow/clock.h>
#include <longbow/flight_methods.h>
#include <longbow/flight_store.h>
#include <longbow/health.h>
#include <longbow/log.h>
#include <longbow/metrics.h>
#include <longbow/service.h>
#include <longbow/settings.h>
#include <longbow/version.h>

namespace longbow {

/// What the server lends to a module, for as long as the module lives.
struct ModuleContext {
  const Settings& settings;
  /// Its lines name the module; the setting `levels` of `[log]` can set its level.
  Logger& logger;
  const Clock& clock;
  /// Counts what the module's results take. Never null.
  arrow::MemoryPool* memory_pool;
  HealthReporter& health;
  Metrics& metrics;
};

/// Collects what a module provides. A name that is taken makes the whole module fail.
class Registrar {
 public:
  virtual ~Registrar() = default;
  /// Errors: ALREADY_EXISTS for a name that another module has, BAD_ARGUMENT for a bad description.
  virtual arrow::Status AddService(std::shared_ptr<Service> service) = 0;
  /// At most one per node. Errors: ALREADY_EXISTS.
  virtual arrow::Status SetFlightStore(std::shared_ptr<FlightStore> store) = 0;
  virtual arrow::Status AddFlightMethods(std::shared_ptr<FlightMethods> methods) = 0;
  /// At most one per node. Errors: ALREADY_EXISTS.
  virtual arrow::Status SetAuthenticator(std::shared_ptr<Authenticator> authenticator) = 0;
};

/// What a module's library creates.
class Module {
 public:
  virtual ~Module() = default;
  /// The module's own tables of the settings.
  virtual std::vector<SettingsSection> SettingsSections() const { return {}; }
  /// Names of modules that must have started before this one.
  virtual std::vector<std::string> DependsOn() const { return {}; }
  virtual arrow::Status Register(const ModuleContext& context, Registrar& registrar) = 0;
  virtual arrow::Status Start();
  /// The settings have changed while the module runs: a secret has a new value, or the operator had
  /// the files read again. Settings that are not `reloadable` have kept their values. `settings`
  /// is valid until the next call, or the module's end. By default nothing happens.
  virtual void ApplySettings(const Settings& settings);
  /// No call of the module is running any more, and none will come.
  virtual void Stop() {}
};

/// The entry: the one symbol that a module's library exports. Append-only: new members go to the
/// end, and `size` tells which are there.
struct ModuleEntry {
  uint32_t size;
  const char* name;
  const char* version;
  const char* identity;  ///< `LONGBOW_BUILD_IDENTITY` of the build
  Module* (*create)();   ///< null or throws on failure; the server owns the result
  void (*destroy)(Module* module);
};

}  // namespace longbow

/// Makes `CLASS` (default constructible, derived from `longbow::Module`) the library's module. Once
/// per library, at namespace scope. The identity also lies in a section of its own, so that the
/// loader can read it without running the library's code.
#define LONGBOW_MODULE(CLASS, NAME, VERSION)                                                    \
  extern "C" {                                                                                  \
  __attribute__((used, section(".longbow.identity"),                                            \
                 visibility("default"))) extern const char longbow_module_identity[] =          \
      LONGBOW_BUILD_IDENTITY;                                                                   \
  __attribute__((used,                                                                          \
                 visibility("default"))) extern const ::longbow::ModuleEntry longbow_module = { \
      sizeof(::longbow::ModuleEntry),                                                           \
      NAME,                                                                                     \
      VERSION,                                                                                  \
      LONGBOW_BUILD_IDENTITY,                                                                   \
      []() -> ::longbow::Module* { return new CLASS(); },                                       \
      [](::longbow::Module* module) { delete module; }};                                        \
  }
