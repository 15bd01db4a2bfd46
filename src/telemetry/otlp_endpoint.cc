#include "telemetry/otlp_endpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

#include <longbow/error.h>

namespace longbow::telemetry {
namespace {

constexpr size_t kMaxEndpointSize = 2048;
constexpr size_t kMaxHeaderNameSize = 128;
constexpr size_t kMaxHeaderValueSize = 8192;
constexpr int kGrpcPort = 4317;
constexpr int kHttpPort = 4318;

arrow::Status BadEndpoint(const std::string& why) {
  return MakeError(ErrorCode::kBadArgument, "The endpoint of the traces' collector " + why);
}

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Visible ASCII only: what else is in a URL must be percent-encoded.
bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool StartsWithScheme(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), text.begin(),
                                                    [](char a, char b) { return a == ToLower(b); });
}

// `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`; without a port, `out->port` stays.
arrow::Status ReadAuthority(std::string_view authority, OtlpEndpoint* out) {
  if (authority.find('@') != std::string_view::npos) {
    return BadEndpoint("has a user name in it. Send it as a header instead");
  }
  std::string_view host = authority;
  std::string_view port;
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out->port);
    if (error != std::errc() || end != port.data() + port.size() || out->port < 1 ||
        out->port > 65535) {
      return BadEndpoint("has a port that is not a number from 1 to 65535");
    }
  }
  if (bracket != std::string_view::npos) {
    if (host.size() < 3 || host.front() != '[' || host.back() != ']') {
      return BadEndpoint("has an address with wrong brackets");
    }
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return BadEndpoint("names no host");
  out->host = host;
  return arrow::Status::OK();
}

void FillTarget(OtlpEndpoint* out) {
  const bool is_ipv6 = out->host.find(':') != std::string::npos;
  out->target = (is_ipv6 ? "[" + out->host + "]" : out->host) + ":" + std::to_string(out->port);
  out->display = out->target;
}

arrow::Result<OtlpEndpoint> ReadUrl(const OtlpOptions& options, bool tls, std::string_view rest) {
  OtlpEndpoint out;
  out.tls = tls;
  out.port = tls ? 443 : 80;
  rest = rest.substr(0, rest.find('#'));
  const size_t end = rest.find_first_of("/?");
  ARROW_RETURN_NOT_OK(ReadAuthority(rest.substr(0, end), &out));
  if (end != std::string_view::npos) out.path = rest.substr(end);
  if (out.path.empty() || out.path.front() != '/') out.path.insert(0, 1, '/');
  if (options.endpoint_is_base) {
    const size_t query = std::min(out.path.find('?'), out.path.size());
    const bool has_slash = query > 0 && out.path[query - 1] == '/';
    out.path.insert(query, has_slash ? "v1/traces" : "/v1/traces");
  }
  FillTarget(&out);
  return out;
}

arrow::Result<OtlpEndpoint> ReadTarget(const OtlpOptions& options) {
  OtlpEndpoint out;
  out.tls = !options.insecure;
  const std::string& text = options.endpoint;
  if (text.find('/') != std::string::npos || StartsWithScheme(text, "unix:")) {
    // `dns:///host:port` and the like.
    if (text.find('@') != std::string::npos) return BadEndpoint("has a user name in it");
    out.target = text;
    out.display = text;
    return out;
  }
  out.port = kGrpcPort;
  ARROW_RETURN_NOT_OK(ReadAuthority(text, &out));
  FillTarget(&out);
  return out;
}

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

}  // namespace

arrow::Result<OtlpEndpoint> ResolveOtlpEndpoint(const OtlpOptions& options) {
  const bool is_grpc = options.protocol == OtlpProtocol::kGrpc;
  if (options.endpoint.empty()) {
    OtlpOptions local = options;
    local.endpoint_is_base = true;
    const int port = is_grpc ? kGrpcPort : kHttpPort;
    return ReadUrl(local, false, "localhost:" + std::to_string(port));
  }
  const std::string_view endpoint = options.endpoint;
  if (endpoint.size() > kMaxEndpointSize) return BadEndpoint("is too long");
  if (!IsVisible(endpoint)) return BadEndpoint("has a character that no URL has");
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!StartsWithScheme(endpoint, scheme)) continue;
    return ReadUrl(options, scheme == "https://", endpoint.substr(scheme.size()));
  }
  if (!is_grpc) return BadEndpoint("does not begin with http:// or https://");
  return ReadTarget(options);
}

arrow::Status CheckOtlpHeader(const std::string& name, const std::string& value) {
  // Those of the protocols themselves: two of them could make two requests out of one.
  static constexpr std::array<std::string_view, 10> kReserved = {"accept-encoding",
                                                                 "connection",
                                                                 "content-encoding",
                                                                 "content-length",
                                                                 "content-type",
                                                                 "host",
                                                                 "te",
                                                                 "transfer-encoding",
                                                                 "trailer",
                                                                 "upgrade"};
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), ToLower);
  if (lower.empty() || lower.size() > kMaxHeaderNameSize ||
      !std::all_of(lower.begin(), lower.end(), IsTokenCharacter)) {
    return MakeError(ErrorCode::kBadArgument,
                     "A header for the traces' collector has a name that is not made of letters, "
                     "digits, '-', '_' and '.'");
  }
  if (std::find(kReserved.begin(), kReserved.end(), lower) != kReserved.end() ||
      lower.rfind("grpc-", 0) == 0) {
    return MakeError(ErrorCode::kBadArgument,
                     "The header '" + lower + "' cannot be set for the traces' collector");
  }
  const bool is_printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (value.size() > kMaxHeaderValueSize || !is_printable) {
    return MakeError(ErrorCode::kBadArgument,
                     "The value of the header '" + lower +
                         "' for the traces' collector is too long or not plain ASCII");
  }
  return arrow::Status::OK();
}

}  // namespace longbow::telemetry
