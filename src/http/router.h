/// \file
/// Which handler answers a request, and whether it may be asked at all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/log.h>

#include "http/host_names.h"
#include "http/http_message.h"

namespace longbow::http {

/// What is known of a request before its body.
struct RequestHead {
  std::string_view method;
  std::string_view path;  ///< decoded
  /// Every `Authorization` header that came.
  std::vector<std::string> authorization;
  /// Every `Host` header that came. HTTP/1.0 needs none; HTTP/1.1 without one does not get here.
  std::vector<std::string> host;
};

/// Where a request goes: a route, or a refusal.
struct Routing {
  const HttpRoute* route = nullptr;  ///< lives as long as the router; null: refused
  HttpResponse refusal;
};

/// Immutable, so thread-safe. Nothing here blocks, as long as the handlers do not.
class Router {
 public:
  /// `hosts`: by which names it may be asked. `check_token` says whether a token is the right one;
  /// empty: none is asked for. `logger` may be null; it outlives the router.
  Router(std::vector<HttpRoute> routes, HostNames hosts,
         std::function<bool(std::string_view)> check_token, Logger* logger);

  /// Refuses with 421 for a host that is not allowed and 400 for what is no host; then with 404,
  /// 405, 401, or 500 where the check throws. No text of the request is repeated in a refusal; that
  /// of 421 is in the log with the name.
  Routing Route(const RequestHead& head) const;

  /// Runs the route's handler. One that throws: 500 and a line in the log.
  HttpResponse Run(const HttpRoute& route, const HttpRequest& request) const;

 private:
  /// A refusal, or nothing.
  std::optional<HttpResponse> CheckHost(const std::vector<std::string>& host) const;
  bool MayPass(const std::vector<std::string>& authorization) const;
  /// The response to what was thrown; call it in a catch block only.
  HttpResponse TellThrown(std::string_view what_threw, std::string_view path) const;
  HttpResponse NotFound() const;
  HttpResponse WrongMethod(std::string_view path) const;

  const std::vector<HttpRoute> routes_;
  const HostNames hosts_;
  const std::function<bool(std::string_view)> check_token_;
  Logger* const logger_;
};

}  // namespace longbow::http
