#include "http/exchange.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "http/lower_case.h"
#include "http/request_target.h"

namespace longbow::http {
namespace {

// The answer to a body that is too long can be read only by who may send it all; but only so much
// of it is read.
constexpr int64_t kReadAtMostFold = 4;

}  // namespace

Exchange::Exchange(const Router* router, int64_t max_request_bytes)
    : router_(router), max_request_bytes_(max_request_bytes) {}

std::optional<HttpResponse> Exchange::Begin(ReceivedHead head) {
  std::optional<RequestTarget> target = ParseRequestTarget(head.target);
  if (!target) {
    return TextResponse(400, "The path begins with '/', and '%' is followed by two digits.");
  }
  request_.method = std::move(head.method);
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  RequestHead routed{request_.method, request_.path, {}, {}};
  TakeHeaders(head.headers, &routed);
  Routing routing = router_->Route(routed);
  if (routing.route == nullptr) return std::move(routing.refusal);
  route_ = routing.route;
  return CheckFraming();
}

void Exchange::TakeHeaders(const std::vector<std::pair<std::string, std::string>>& headers,
                           RequestHead* head) {
  for (const auto& [written, value] : headers) {
    std::string name = LowerCase(written);
    if (name == "authorization") {
      head->authorization.push_back(value);
      continue;
    }
    if (name == "host") head->host.push_back(value);
    const auto [it, is_new] = request_.headers.try_emplace(std::move(name), value);
    if (!is_new) it->second += ", " + value;
  }
}

std::optional<HttpResponse> Exchange::CheckFraming() const {
  const auto length = request_.headers.find("content-length");
  const auto encoding = request_.headers.find("transfer-encoding");
  // Where two readers could see two different ends of a request, it is refused.
  if (encoding != request_.headers.end() &&
      (length != request_.headers.end() || LowerCase(encoding->second) != "chunked")) {
    return TextResponse(400, "A body comes with Content-Length, or in chunks.");
  }
  if (length == request_.headers.end()) return std::nullopt;
  const std::string& text = length->second;
  int64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error == std::errc::result_out_of_range) return TooLarge();
  if (error != std::errc() || end != text.data() + text.size() || bytes < 0) {
    return TextResponse(400, "Content-Length is one number.");
  }
  if (bytes > max_request_bytes_) return TooLarge();
  return std::nullopt;
}

HttpResponse Exchange::TooLarge() const {
  return TextResponse(
      413, "A request's body has " + std::to_string(max_request_bytes_) + " bytes at most.");
}

bool Exchange::AddBody(std::string_view bytes) {
  body_bytes_ += static_cast<int64_t>(bytes.size());
  if (body_bytes_ <= max_request_bytes_) {
    request_.body.append(bytes);
    return true;
  }
  request_.body.clear();
  return body_bytes_ <= max_request_bytes_ * kReadAtMostFold;
}

HttpResponse Exchange::Finish() {
  if (body_bytes_ > max_request_bytes_) return TooLarge();
  return router_->Run(*route_, request_);
}

}  // namespace longbow::http
