/// \file
/// The node's HTTP endpoint: health, metrics and the status page, for operators and their programs.
///
/// GNU libmicrohttpd on its epoll loop: no thread belongs to a connection. What protects it from
/// clients that mean harm, or are slow: deadlines for each request and each response, limits of
/// connections, sizes and waiting bytes, and headers that let a browser do nothing but show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/log.h>

#include "http/http_message.h"

namespace longbow::http {

struct HttpServerOptions {
  /// A name, an IPv4 address, or an IPv6 address in brackets or not; `::` or empty: all of the
  /// machine, with IPv4 too.
  std::string host;
  int port = 0;  ///< 0: a free one
  /// Names in `Host` headers that are answered beside addresses, `localhost` and `host`, without
  /// ports; `*`: any.
  std::vector<std::string> allowed_hosts;
  /// Open at a time. One more takes the place of the one that has been waited for longest.
  int max_connections = 256;
  int max_connections_per_address = 0;  ///< more are closed at once; 0: no limit
  /// A whole request must have arrived within this time after its connection was made or the
  /// response before it was sent; and a whole response be taken within the same time.
  int request_timeout_sec = 10;
  int64_t max_request_bytes = 64 * 1024;  ///< of a body; more is answered with 413
  /// For request line, headers, and what is being read of a body; too long ones are answered with
  /// 414 or 431.
  size_t memory_per_connection_bytes = 32 * 1024;
  /// Of responses that clients have not taken yet, together; beyond it the answer is 503.
  int64_t max_waiting_response_bytes = int64_t{64} * 1024 * 1024;
};

/// Thread-safe. Handlers run on the server's own threads: one for each address that the host name
/// stands for, mostly one. While one runs, others of its address wait.
///
/// Every response says `nosniff`, `no-store`, `no-referrer`, `DENY` to frames, and a content
/// security policy that allows nothing; a handler may replace one of them. A request whose `Host`
/// is not allowed gets 421, except of routes with `any_host`. Answers to what is no HTTP at all
/// (400, 414, 431, 505) are libmicrohttpd's: a constant text, without these headers.
class HttpServer {
 public:
  using Handler = HttpHandler;
  using Route = HttpRoute;

  /// Binds, listens and serves. Errors: ALREADY_EXISTS where the address is in use, BAD_ARGUMENT
  /// where it or an option makes no sense, INTERNAL_ERROR where the system has no thread or
  /// descriptor left. All of them name the address and what to do.
  /// \param check_token whether a token is the right one, in constant time; runs on the server's
  ///   threads. With it, every route that is not open wants `Authorization: Bearer TOKEN`, once;
  ///   else the answer is 401. Empty: no token is asked for.
  /// \param logger may be null; outlives the server
  static arrow::Result<std::unique_ptr<HttpServer>> Start(
      HttpServerOptions options, std::vector<Route> routes,
      std::function<bool(std::string_view)> check_token, Logger* logger);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  /// The one that was got, where 0 was asked for.
  int port() const;

  /// Closes the address and all connections, with what is still being sent. Blocks until the
  /// handlers that run have returned; not to be called by a handler. A second call does nothing.
  void Stop();

 private:
  class Engine;
  explicit HttpServer(std::unique_ptr<Engine> engine);

  const std::unique_ptr<Engine> engine_;
};

}  // namespace longbow::http
