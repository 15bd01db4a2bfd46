/// \file
/// The composition root: makes every object of a node and hands it to those who need it.
///
/// The life of a node:
///   1. `Make` takes a checked configuration, makes all parts, and registers the modules.
///   2. `Start` starts the modules in order, listens, tells gRPC's health service, and logs one
///   line.
///   3. `Shutdown`: the health service says "not serving"; new calls are refused with
///   SHUTTING_DOWN; open
///      ones may go on for the grace time; then tasks are cancelled, which ends the calls that wait
///      for them; what is still open is cut off; modules are stopped in the reverse order.
///   4. The destructor shuts down if need be, and destroys all in the reverse order of making.
#pragma once

#include <memory>
#include <string>

#include <arrow/result.h>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "base/random.h"
#include "module/registry.h"
#include "server/configuration.h"
#include "server/housekeeper.h"

namespace longbow::server {

/// For one thread at a time.
class Node {
 public:
  /// \param started when the program began, for the line that tells how long the start took
  /// Errors: those of a module that cannot be registered; nothing is left then.
  static arrow::Result<std::unique_ptr<Node>> Make(Configuration configuration,
                                                   std::unique_ptr<Logger> logger,
                                                   MonotonicTime started);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Blocks. Errors: those of a module that cannot start; an address that cannot be listened on,
  /// with the address and what to do. After an error nothing runs any more.
  arrow::Status Start();

  /// Blocks for the grace time, as long as calls are open, and until the modules have stopped.
  /// Idempotent.
  void Shutdown();

  Logger& logger() { return *logger_; }
  const std::string& node_id() const { return options_.dispatcher.node_id; }
  /// After `Start`: the URI that endpoints name.
  const std::string& location() const { return location_; }
  /// After `Start`: the bound TCP port, 0 where there is none.
  int port() const;

 private:
  Node(Configuration configuration, std::unique_ptr<Logger> logger, MonotonicTime started);

  arrow::Status Register();
  arrow::Status Listen();
  arrow::Status SetLocation();
  void LogReady();

  const MonotonicTime started_;
  NodeOptions options_;
  const Settings settings_;
  std::unique_ptr<Logger> logger_;
  SystemClock clock_;
  SystemRandom random_;
  ModuleContext module_context_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ModuleSet> modules_;
  std::unique_ptr<TaskRegistry> tasks_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<flight::Dispatcher> dispatcher_;
  std::unique_ptr<transport::Server> server_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::string location_;
  bool shut_down_ = false;
};

}  // namespace longbow::server
