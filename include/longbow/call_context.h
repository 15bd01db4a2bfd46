/// \file
/// The call that a module answers: who asks, how long they wait, what they sent beside the message.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <longbow/clock.h>
#include <longbow/log.h>
#include <longbow/principal.h>

namespace longbow {

/// The certificate that a client of mutual TLS has shown, and the server has checked.
struct PeerCertificate {
  std::string subject;                         ///< RFC 2253: `CN=etl,O=Example`
  std::string common_name;                     ///< may be empty
  std::vector<std::string> alternative_names;  ///< DNS names, URIs, addresses
};

/// One call. Owned by the server; valid while the module's function runs, and, for the functions
/// that return a stream or a handler, until that is destroyed. Thread-safe.
class CallContext {
 public:
  /// Names in lower case; a name may come more than once. Values of names that end in `-bin` are
  /// the raw bytes.
  using Headers = std::multimap<std::string, std::string, std::less<>>;

  virtual ~CallContext() = default;

  virtual const Headers& headers() const = 0;
  /// The caller's address, such as `ipv4:127.0.0.1:51234`.
  virtual const std::string& peer() const = 0;
  /// Nothing where the client showed none.
  virtual const std::optional<PeerCertificate>& peer_certificate() const = 0;
  /// Who calls; `anonymous` while that is not known yet, and where nobody is asked.
  virtual const Principal& principal() const = 0;
  /// In all log lines of the call, and sent back to the client.
  virtual const std::string& request_id() const = 0;
  /// W3C's `traceparent` of the call's span, to be sent with calls that are made on its behalf;
  /// empty where there is no trace.
  virtual std::string traceparent() const = 0;
  /// Puts request id and trace id into each line.
  virtual Logger& logger() const = 0;
  /// Nothing where the client set none.
  virtual std::optional<MonotonicTime> deadline() const = 0;
  /// Whether the client has gone, cancelled, or run out of time.
  virtual bool cancelled() const = 0;
  /// Sends a header back: before the first message of the answer, or, once that has gone, with the
  /// answer's end.
  virtual void AddResponseHeader(std::string_view name, std::string_view value) = 0;

  /// The first header of that name, or nothing.
  std::optional<std::string_view> FindHeader(std::string_view name) const {
    auto it = headers().find(name);
    if (it == headers().end()) return std::nullopt;
    return std::string_view(it->second);
  }
};

}  // namespace longbow
