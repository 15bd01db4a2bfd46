/// \file
/// The node's HTTP routes: `/live`, `/ready`, `/health`, `/metrics`, `/status.json` and `/`.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <arrow/result.h>

#include <longbow/log.h>

#include "http/http_server.h"
#include "server/node_view.h"
#include "telemetry/metrics_registry.h"

namespace longbow::server {

/// Thread-safe.
class OperationsEndpoint {
 public:
  /// `view`, `metrics` and `logger` outlive it. An empty token: none is asked for.
  OperationsEndpoint(const NodeView* view, const telemetry::MetricsRegistry* metrics,
                     std::string token, Logger* logger);

  /// Errors: an address that cannot be listened on, with what to do.
  arrow::Status Start(const http::HttpServerOptions& options);
  /// After `Start`.
  int port() const { return server_->port(); }
  /// From now on. Errors: BAD_ARGUMENT where it is empty and the old one is not, or the other way
  /// round: whether one is asked for at all is decided at the start.
  arrow::Status ReplaceToken(std::string token);

 private:
  bool IsToken(std::string_view token) const;
  std::vector<http::HttpRoute> Routes() const;

  const NodeView* const view_;
  const telemetry::MetricsRegistry* const metrics_;
  Logger* const logger_;
  mutable std::mutex mutex_;
  std::string token_;                         // guarded by mutex_
  std::unique_ptr<http::HttpServer> server_;  // goes first: its threads use the rest
};

}  // namespace longbow::server
