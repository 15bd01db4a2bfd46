#include "server/operations_endpoint.h"

#include <utility>
#include <vector>

#include <openssl/crypto.h>

#include <longbow/error.h>

#include "http/status_page.h"

namespace longbow::server {

using http::HttpRequest;
using http::HttpResponse;

namespace {

constexpr int kOk = 200;
constexpr int kNoContent = 204;
constexpr int kFailed = 500;
constexpr char kJson[] = "application/json";

HttpResponse Empty(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

HttpResponse Body(int status, const char* content_type, std::string body) {
  HttpResponse response;
  response.status = status;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

}  // namespace

OperationsEndpoint::OperationsEndpoint(const NodeView* view,
                                       const telemetry::MetricsRegistry* metrics, std::string token,
                                       Logger* logger)
    : view_(view), metrics_(metrics), logger_(logger), token_(std::move(token)) {}

arrow::Status OperationsEndpoint::Start(const http::HttpServerOptions& options) {
  std::function<bool(std::string_view)> check;
  if (!token_.empty()) check = [this](std::string_view token) { return IsToken(token); };
  ARROW_ASSIGN_OR_RAISE(server_,
                        http::HttpServer::Start(options, Routes(), std::move(check), logger_));
  return arrow::Status::OK();
}

arrow::Status OperationsEndpoint::ReplaceToken(std::string token) {
  std::lock_guard lock(mutex_);
  if (token.empty() != token_.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     token.empty() ? "to ask for no token any more (http.token) takes a restart"
                                   : "to begin to ask for a token (http.token) takes a restart");
  }
  token_ = std::move(token);
  return arrow::Status::OK();
}

bool OperationsEndpoint::IsToken(std::string_view token) const {
  std::lock_guard lock(mutex_);
  // How long the token is, is no secret worth the trouble.
  return !token_.empty() && token.size() == token_.size() &&
         CRYPTO_memcmp(token.data(), token_.data(), token_.size()) == 0;
}

std::vector<http::HttpRoute> OperationsEndpoint::Routes() const {
  std::vector<http::HttpRoute> routes;
  // Who asks these two is mostly a program that cannot send a token, or asks by the name of a load
  // balancer, and learns one bit.
  routes.push_back({"GET", "/live", [](const HttpRequest&) { return Empty(kNoContent); },
                    /*open=*/true, /*any_host=*/true});
  routes.push_back(
      {"GET", "/ready",
       [this](const HttpRequest&) { return Empty(view_->ready() ? kNoContent : kFailed); },
       /*open=*/true, /*any_host=*/true});
  routes.push_back({"GET", "/health", [this](const HttpRequest&) {
                      return Body(view_->ready() ? kOk : kFailed, kJson, view_->HealthJson());
                    }});
  routes.push_back({"GET", "/metrics", [this](const HttpRequest&) {
                      return Body(kOk, telemetry::kExpositionContentType, metrics_->Scrape());
                    }});
  routes.push_back({"GET", "/status.json", [this](const HttpRequest&) {
                      return Body(kOk, kJson, http::StatusJson(view_->Status()));
                    }});
  // The page itself has no data.
  routes.push_back({"GET", "/", [](const HttpRequest&) { return http::StatusPageResponse(); },
                    /*open=*/true});
  return routes;
}

}  // namespace longbow::server
