/// \file
/// One HTTP request and its answer, as an interface: what the Vault client needs of a network.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/result.h>

namespace longbow::secret {

/// `https://host:port`, without a path.
struct HttpOrigin {
  bool is_tls = false;
  std::string host;  ///< a name or an address; an IPv6 address without brackets
  int port = 0;

  bool operator==(const HttpOrigin&) const = default;
  std::string ToString() const;
};

/// An address with a path, as in `https://vault:8200/v1/x`.
struct HttpUrl {
  HttpOrigin origin;
  std::string target;  ///< path and query as written; "/" where there is none
};

/// Errors: BAD_ARGUMENT, without the text, for what is no http or https URL, or has a user, a
/// fragment, spaces or control characters.
arrow::Result<HttpUrl> ParseHttpUrl(std::string_view text);

struct HttpRequest {
  HttpOrigin origin;
  std::string method;
  std::string target;  ///< percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;                      ///< JSON; empty for none
  std::chrono::milliseconds timeout{0};  ///< for all of it
};

struct HttpReply {
  int status = 0;
  std::string body;
  std::string location;  ///< of a redirect
};

/// Thread-safe.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  /// Sends the request and waits for the answer, whatever its status; follows no redirect. Blocks
  /// up to the request's timeout, and name resolution. Errors, which hold neither headers nor
  /// bodies: NOT_READY without a connection, TIMEOUT, UNAUTHENTICATED for a server whose
  /// certificate is not good, BAD_ARGUMENT for one's own certificates, RESOURCE_EXHAUSTED for an
  /// answer that is too large, SHUTTING_DOWN.
  virtual arrow::Result<HttpReply> Send(const HttpRequest& request) = 0;
  /// For a stop: running and later requests end soon, with an error.
  virtual void Interrupt() {}
};

/// Whom to trust, and who one is. Files are read for each connection, so that they may change.
struct TlsClientOptions {
  std::string ca_certificate_file;  ///< PEM; with neither, the system's authorities are trusted
  std::string ca_pem;               ///< the same as a text; both may be given
  std::string certificate_file;     ///< of the client, PEM with its chain; empty for none
  std::string key_file;             ///< PEM; needed with a certificate
};

/// Over the network: a connection for each request, TLS 1.2 or newer. The server's name and
/// certificate are always checked. Environment variables that name proxies have no effect.
std::unique_ptr<HttpTransport> MakeNetworkTransport(TlsClientOptions tls);

}  // namespace longbow::secret
