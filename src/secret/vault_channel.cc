#include "secret/vault_channel.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <longbow/error.h>

#include "secret/redactor.h"
#include "secret/secret_reference.h"
#include "secret/vault_answer.h"

namespace longbow::secret {
namespace {

constexpr int kMaxRedirects = 2;
constexpr size_t kMaxShownErrorBytes = 160;
constexpr std::string_view kApi = "/v1/";

bool IsTransient(int status) {
  static constexpr int kTransient[] = {412, 429, 472, 473, 500, 502, 503};
  return std::find(std::begin(kTransient), std::end(kTransient), status) != std::end(kTransient);
}

bool IsTransient(const arrow::Status& status) {
  const ErrorCode code = ErrorCodeOf(status);
  return code == ErrorCode::kNotReady || code == ErrorCode::kTimeout;
}

bool IsRedirect(int status) { return status >= 300 && status < 400; }

const char* MeaningOf(int status) {
  switch (status) {
    case 400:
      return "invalid request";
    case 403:
      return "permission denied";
    case 404:
      return "no such path";
    case 412:
      return "not replicated yet";
    case 429:
      return "too many requests, or a standby node";
    case 472:
    case 473:
      return "a standby node";
    case 500:
      return "internal error";
    case 501:
      return "not initialised";
    case 502:
      return "a third party failed";
    case 503:
      return "sealed, or down for maintenance";
    default:
      return "unexpected status";
  }
}

ErrorCode CodeOf(int status) {
  if (IsTransient(status)) return ErrorCode::kNotReady;
  switch (status) {
    case 400:
      return ErrorCode::kBadArgument;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kCommandFailed;
  }
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Vault writes a path with other characters encoded than we do.
std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
        HexValue(text[i + 2]) >= 0) {
      decoded += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

/// Where the redirect leads; nothing where it must not be followed.
std::optional<HttpOrigin> Redirected(const HttpRequest& request, const HttpReply& reply) {
  if (reply.status != 307 && reply.status != 308) return std::nullopt;
  arrow::Result<HttpUrl> url = ParseHttpUrl(reply.location);
  if (!url.ok() || PercentDecode(url->target) != PercentDecode(request.target)) {
    return std::nullopt;
  }
  if (request.origin.is_tls) return url->origin.is_tls ? std::optional(url->origin) : std::nullopt;
  return url->origin.host == request.origin.host ? std::optional(url->origin) : std::nullopt;
}

}  // namespace

VaultChannel::VaultChannel(const VaultOptions* options, VaultSurroundings surroundings)
    : options_(options), surroundings_(surroundings) {
  arrow::Result<HttpUrl> url = ParseHttpUrl(options->address);
  if (url.ok()) origin_ = url->origin;
}

HttpRequest VaultChannel::MakeRequest(const VaultCall& call) const {
  HttpRequest request;
  request.origin = origin_;
  request.method = call.method;
  request.target = std::string(kApi) + call.path;
  request.headers.emplace_back("X-Vault-Request", "true");
  if (!options_->vault_namespace.empty()) {
    request.headers.emplace_back("X-Vault-Namespace", options_->vault_namespace);
  }
  if (!call.token.empty()) request.headers.emplace_back("X-Vault-Token", call.token);
  request.body = call.body;
  return request;
}

arrow::Result<HttpReply> VaultChannel::Try(const VaultCall& call) const {
  using std::chrono::milliseconds;
  HttpRequest request = MakeRequest(call);
  for (int redirects = 0;; ++redirects) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(call.deadline - surroundings_.clock->Now());
    if (left <= milliseconds(0)) {
      return MakeError(ErrorCode::kTimeout, "Vault did not answer in time");
    }
    request.timeout = std::min(left, options_->attempt_timeout);
    ARROW_ASSIGN_OR_RAISE(HttpReply reply, surroundings_.transport->Send(request));
    if (!IsRedirect(reply.status)) return reply;
    const std::optional<HttpOrigin> target = Redirected(request, reply);
    if (!target || redirects == kMaxRedirects) {
      return MakeError(
          ErrorCode::kCommandFailed,
          request.origin.ToString() + " redirects " + call.what + " to where it is not followed",
          "At most two redirects that keep the path are followed, over TLS to any host, "
          "else to the same one. Set the address of Vault's active node, or of its load "
          "balancer.");
    }
    request.origin = *target;
  }
}

arrow::Result<VaultReply> VaultChannel::Send(const VaultCall& call) const {
  for (int attempt = 1;; ++attempt) {
    arrow::Result<HttpReply> reply = Try(call);
    if (reply.ok() && !IsTransient(reply->status)) {
      VaultReply result;
      result.status = reply->status;
      result.body = reply->body;
      Wipe(&reply->body);
      return result;
    }
    if (!reply.ok() && !IsTransient(reply.status())) return reply.status();
    const arrow::Status last =
        reply.ok() ? ErrorOf(call, reply->status, reply->body) : reply.status();
    const std::chrono::milliseconds wait =
        Backoff(options_->backoff, attempt, surroundings_.random);
    if (surroundings_.clock->Now() + wait >= call.deadline) return GiveUp(call, last);
    if (!surroundings_.waiter->Wait(wait)) {
      return MakeError(ErrorCode::kShuttingDown,
                       "Vault: " + call.what + " was given up for a stop");
    }
  }
}

arrow::Status VaultChannel::GiveUp(const VaultCall& call, const arrow::Status& last) const {
  const ErrorDetail* detail = ErrorDetailOf(last);
  return MakeError(ErrorCodeOf(last),
                   "Vault: " + call.what + " failed at each attempt within " +
                       std::to_string(options_->deadline.count()) +
                       " ms; the last: " + last.message(),
                   detail != nullptr ? detail->detail() : std::string());
}

arrow::Status VaultChannel::ErrorOf(const VaultCall& call, int status,
                                    const std::string& body) const {
  std::vector<std::string> secrets = call.secrets;
  secrets.push_back(call.token);
  std::string says = ParseErrors(body);
  if (auto redacted = Redactor(std::move(secrets)).Redact(says)) says = *std::move(redacted);
  std::string message =
      "Vault refuses " + call.what + ": " + std::to_string(status) + ", " + MeaningOf(status);
  if (!says.empty()) message += " (\"" + ForPeople(says, kMaxShownErrorBytes) + "\")";
  return MakeError(CodeOf(status), std::move(message));
}

}  // namespace longbow::secret
