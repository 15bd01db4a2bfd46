#include "http/router.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <utility>

namespace longbow::http {
namespace {

constexpr std::string_view kBearer = "bearer";

/// The token of an `Authorization: Bearer ...` header's value.
std::optional<std::string_view> BearerToken(std::string_view value) {
  if (value.size() <= kBearer.size() || value[kBearer.size()] != ' ') return std::nullopt;
  const bool is_bearer =
      std::equal(kBearer.begin(), kBearer.end(), value.begin(),
                 [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
  if (!is_bearer) return std::nullopt;
  value.remove_prefix(kBearer.size());
  const size_t first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

bool Answers(const HttpRoute& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

HttpResponse Unauthorized() {
  HttpResponse response = TextResponse(
      401,
      "This needs the token of the HTTP endpoint: send one header 'Authorization: Bearer TOKEN'.");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

HttpResponse TextResponse(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text) + "\n";
  return response;
}

Router::Router(std::vector<HttpRoute> routes, HostNames hosts,
               std::function<bool(std::string_view)> check_token, Logger* logger)
    : routes_(std::move(routes)),
      hosts_(std::move(hosts)),
      check_token_(std::move(check_token)),
      logger_(logger) {}

Routing Router::Route(const RequestHead& head) const {
  bool path_known = false;
  const HttpRoute* found = nullptr;
  for (const HttpRoute& route : routes_) {
    if (route.path != head.path) continue;
    path_known = true;
    if (found == nullptr && Answers(route, head.method)) found = &route;
  }
  if (found == nullptr || !found->any_host) {
    // Before anything else is told.
    std::optional<HttpResponse> refusal = CheckHost(head.host);
    if (refusal) return {nullptr, std::move(*refusal)};
  }
  if (!path_known) return {nullptr, NotFound()};
  if (found == nullptr) return {nullptr, WrongMethod(head.path)};
  if (found->open || !check_token_) return {found, {}};
  try {
    if (!MayPass(head.authorization)) return {nullptr, Unauthorized()};
  } catch (...) {
    return {nullptr, TellThrown("the check of the HTTP endpoint's token", found->path)};
  }
  return {found, {}};
}

std::optional<HttpResponse> Router::CheckHost(const std::vector<std::string>& host) const {
  if (host.empty()) return std::nullopt;
  // Of two headers, a proxy in front may have looked at the other one.
  const std::optional<std::string> name = host.size() == 1 ? ParseHost(host.front()) : std::nullopt;
  if (!name) return TextResponse(400, "Host comes once, and is a name or an address.");
  if (hosts_.Allows(*name)) return std::nullopt;
  if (logger_ != nullptr) {
    logger_->Warning(
        "Asked for by a name that is not in allowed_hosts of [http]; the client was told 421",
        {{"host", *name}});
  }
  return TextResponse(
      421,
      "This node does not answer to the name in the Host header. Ask by its address, "
      "or add the name to allowed_hosts of [http].");
}

bool Router::MayPass(const std::vector<std::string>& authorization) const {
  // Of two headers, a proxy in front may have looked at the other one.
  if (authorization.size() != 1) return false;
  const std::optional<std::string_view> token = BearerToken(authorization.front());
  return token && check_token_(*token);
}

HttpResponse Router::Run(const HttpRoute& route, const HttpRequest& request) const {
  try {
    return route.handler(request);
  } catch (...) {
    return TellThrown("the handler of an HTTP request", route.path);
  }
}

HttpResponse Router::TellThrown(std::string_view what_threw, std::string_view path) const {
  std::string what = "something that is no std::exception";
  try {
    throw;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {  // `what` says so
  }
  if (logger_ != nullptr) {
    logger_->Error(std::string(what_threw) + " threw an exception; the client was told 500",
                   {{"path", std::string(path)}, {"exception", what}});
  }
  return TextResponse(500, "This request failed in the server. Its log says why.");
}

HttpResponse Router::NotFound() const {
  std::string text = "There is nothing at this path. This node answers:\n";
  for (const HttpRoute& route : routes_) text += "  " + route.method + " " + route.path + "\n";
  text.pop_back();
  return TextResponse(404, std::move(text));
}

HttpResponse Router::WrongMethod(std::string_view path) const {
  std::string allowed;
  for (const HttpRoute& route : routes_) {
    if (route.path != path) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  HttpResponse response = TextResponse(405, "This path answers " + allowed + " only.");
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

}  // namespace longbow::http
