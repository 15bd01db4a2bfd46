#include <algorithm>
#include <charconv>
#include <optional>

#include <longbow/error.h>

#include "secret/http_transport.h"

namespace longbow::secret {
namespace {

constexpr std::string_view kPlainScheme = "http://";
constexpr std::string_view kTlsScheme = "https://";
constexpr size_t kMaxUrlBytes = 8192;
constexpr int kPlainPort = 80;
constexpr int kTlsPort = 443;
constexpr int kMaxPort = 65535;

arrow::Status NoUrl() {
  return MakeError(ErrorCode::kBadArgument, "that is no address of the form https://HOST:PORT",
                   "It may have a path, and has no user, no fragment and no spaces.");
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool IsAddressCharacter(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.';
}

/// Splits `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`; nothing where it is none of them.
std::optional<HttpOrigin> ParseAuthority(std::string_view text, bool is_tls) {
  HttpOrigin origin{is_tls, "", is_tls ? kTlsPort : kPlainPort};
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    origin.host = text.substr(1, end - 1);
    if (!std::all_of(origin.host.begin(), origin.host.end(), IsAddressCharacter)) {
      return std::nullopt;
    }
    text.remove_prefix(end + 1);
  } else {
    const size_t end = std::min(text.find(':'), text.size());
    origin.host = text.substr(0, end);
    if (!std::all_of(origin.host.begin(), origin.host.end(), IsHostCharacter)) return std::nullopt;
    text.remove_prefix(end);
  }
  if (origin.host.empty()) return std::nullopt;
  std::transform(origin.host.begin(), origin.host.end(), origin.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text.empty()) return origin;
  text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, origin.port);
  if (error != std::errc() || rest != end || origin.port < 1 || origin.port > kMaxPort) {
    return std::nullopt;
  }
  return origin;
}

}  // namespace

std::string HttpOrigin::ToString() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return std::string(is_tls ? kTlsScheme : kPlainScheme) + (is_ipv6 ? "[" + host + "]" : host) +
         ":" + std::to_string(port);
}

arrow::Result<HttpUrl> ParseHttpUrl(std::string_view text) {
  const bool is_tls = text.starts_with(kTlsScheme);
  if (text.size() > kMaxUrlBytes || (!is_tls && !text.starts_with(kPlainScheme))) return NoUrl();
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return c > ' ' && c < 0x7F && c != '#' && c != '\\'; })) {
    return NoUrl();
  }
  text.remove_prefix(is_tls ? kTlsScheme.size() : kPlainScheme.size());
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  const std::optional<HttpOrigin> origin = ParseAuthority(text.substr(0, end), is_tls);
  if (!origin) return NoUrl();
  HttpUrl url{*origin, std::string(text.substr(end))};
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace longbow::secret
