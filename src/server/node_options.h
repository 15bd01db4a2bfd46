/// \file
/// From checked settings to what the parts of a node take.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/log.h>
#include <longbow/settings.h>

#include "flight/dispatcher.h"
#include "http/http_server.h"
#include "server/call_journal.h"
#include "server/memory_guard.h"
#include "task/task_registry.h"
#include "telemetry/logger.h"
#include "telemetry/trace_options.h"
#include "transport/server.h"

namespace longbow::server {

/// The sections of the server itself, taken apart.
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

  telemetry::LogOptions log;
  CallLines call_lines = CallLines::kAll;
  std::chrono::milliseconds slow_call{0};
  telemetry::TracerOptions trace;
  std::optional<http::HttpServerOptions> http;  ///< nothing: no HTTP
  std::string http_token;                       ///< empty: none is asked for
  MemoryMarks memory;
  std::vector<std::string> warnings;  ///< what is ignored, for the log
  std::chrono::milliseconds module_start_timeout{0};
  std::chrono::seconds malloc_trim_interval{0};  ///< 0: never
  std::chrono::milliseconds shutdown_grace{0};
};

/// What options are made of beside settings.
struct OptionSources {
  std::map<std::string, std::string> environment;  ///< the variables OTEL_*
  int64_t available_memory_bytes = 0;
};

/// Reads the sections, whose references are resolved.
/// Errors: BAD_ARGUMENT with one line for each problem: settings that do not go together, PEM texts
/// that are none.
arrow::Result<NodeOptions> MakeNodeOptions(const Settings& settings, const OptionSources& sources);

/// The TLS texts alone, to take over new ones; nothing where TLS is off. Errors as above.
arrow::Result<std::optional<transport::TlsOptions>> MakeTlsOptions(const Settings& settings);
/// The token that the HTTP endpoint asks for; empty where none is set. Errors: BAD_ARGUMENT for one
/// that is shorter than a caller's may be; no value is shown.
arrow::Result<std::string> MakeHttpToken(const Settings& settings);
/// The part of the log's options that can be changed while it is written. Errors: BAD_ARGUMENT for
/// a level of a component that is none.
arrow::Result<telemetry::ComponentLevels> MakeComponentLevels(const Settings& settings);

/// Whether the host stands for all addresses of the machine.
bool IsWildcard(std::string_view host);
/// `host` as a URI has it: an IPv6 address in brackets.
std::string WithBrackets(const std::string& host);

/// The URI of a TCP address, or of a Unix socket where `host` is empty: `grpc://127.0.0.1:17001`,
/// `grpc+tls://[::1]:17001`, `grpc+unix:///run/longbow.sock`.
std::string UriOf(const NodeOptions& options, const std::string& host, int port);

/// The URI that endpoints name, once the port is known that is listened on.
std::string AdvertisedUri(const NodeOptions& options, int bound_port);

}  // namespace longbow::server
