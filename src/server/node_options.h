/// \file
/// From checked settings to what the parts of a node take.
#pragma once

#include <chrono>
#include <string>

#include <arrow/result.h>

#include <longbow/log.h>
#include <longbow/settings.h>

#include "flight/dispatcher.h"
#include "task/task_registry.h"
#include "transport/server.h"

namespace longbow::server {

/// The `[server]` section, taken apart.
struct NodeOptions {
  std::string node_id;  ///< empty: to be made up

  std::string listen_host;  ///< empty: no TCP
  int listen_port = 0;      ///< 0: a free one
  std::string unix_socket;  ///< empty: none
  std::string advertise_host;
  int advertise_port = 0;  ///< 0: the one that is listened on

  /// Addresses and TLS texts are filled in.
  transport::ServerOptions transport;
  TaskLimits tasks;
  flight::DispatcherOptions dispatcher;

  LogLevel log_level = LogLevel::kInfo;
  std::chrono::seconds malloc_trim_interval{0};  ///< 0: never
  std::chrono::milliseconds shutdown_grace{0};
};

/// Reads the section, and the files that PEM settings name. Blocks.
/// Errors: BAD_ARGUMENT with one line for each problem: settings that do not go together, PEM texts
/// or files that are none.
arrow::Result<NodeOptions> MakeNodeOptions(const Settings& settings);

/// The URI of a TCP address, or of a Unix socket where `host` is empty: `grpc://127.0.0.1:17001`,
/// `grpc+tls://[::1]:17001`, `grpc+unix:///run/longbow.sock`.
std::string UriOf(const NodeOptions& options, const std::string& host, int port);

/// The URI that endpoints name, once the port is known that is listened on.
std::string AdvertisedUri(const NodeOptions& options, int bound_port);

}  // namespace longbow::server
