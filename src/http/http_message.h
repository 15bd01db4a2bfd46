/// \file
/// HTTP requests, responses and routes as plain values. Values have no threading of their own.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace longbow::http {

/// A request that has arrived whole.
struct HttpRequest {
  std::string method;  ///< `HEAD` where the route says GET and the client asked for HEAD
  std::string path;    ///< decoded, without the query
  /// Decoded. Of a name that comes twice, the first value.
  std::map<std::string, std::string> query;
  /// Names in lower case; values of one name that comes twice are joined with a comma. Without
  /// `authorization`: it is checked before, and no handler can pass it on.
  std::map<std::string, std::string, std::less<>> headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  ///< may be empty where there is no body
  std::string body;
  /// More headers. One of the names that the server sends with every response replaces that one.
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Answers a request. May be called by several threads at once; must not block for long, since
/// others wait. What it throws becomes a response with status 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpRoute {
  std::string method;  ///< in capitals; GET also answers HEAD
  std::string path;    ///< the whole path, such as `/live`
  HttpHandler handler;
  bool open = false;      ///< answered without the token
  bool any_host = false;  ///< answered whatever the `Host` header says
};

/// A response of one line of text for people, to which a line break is added.
HttpResponse TextResponse(int status, std::string text);

}  // namespace longbow::http
