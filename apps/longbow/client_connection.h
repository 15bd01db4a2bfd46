/// \file
/// The connection of a client command to a node.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arrow/result.h>

namespace arrow::flight {
class FlightClient;
class FlightCallOptions;
struct FlightEndpoint;
}  // namespace arrow::flight

namespace longbow::client {

struct ConnectionOptions {
  std::string server = "grpc://127.0.0.1:17001";
  std::string token;                 ///< sent as `authorization: Bearer ...` if not empty
  std::vector<std::string> headers;  ///< `NAME=VALUE`
  double timeout_sec = 0;            ///< for the whole command; 0: none
  std::string tls_ca_file;           ///< PEM; empty: the system's
  std::string tls_cert_file;         ///< PEM, to show to the server; empty: none
  std::string tls_key_file;          ///< its key; needed with it
};

/// Thread-safe.
class Connection {
 public:
  ~Connection();
  /// Makes the client; nothing is sent yet.
  /// Errors: usage, for a URI or header that is none and a file that cannot be read.
  static arrow::Result<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);

  arrow::flight::FlightClient& flight() { return *client_; }
  const std::string& server() const { return options_.server; }

  /// Headers and what is left of the time limit.
  arrow::flight::FlightCallOptions CallOptions() const;
  /// For tidying up, when the command's own time may be over: headers and two seconds.
  arrow::flight::FlightCallOptions LastCallOptions() const;

  /// A client for the data of `endpoint`: this one where the endpoint names no place or this one,
  /// else a connection to the first place it names, made when first asked for.
  arrow::Result<arrow::flight::FlightClient*> ClientFor(
      const arrow::flight::FlightEndpoint& endpoint);

 private:
  struct Others;
  explicit Connection(ConnectionOptions options);
  arrow::Result<std::unique_ptr<arrow::flight::FlightClient>> Connect(const std::string& uri) const;

  ConnectionOptions options_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string tls_roots_;
  std::string tls_cert_;
  std::string tls_key_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::unique_ptr<arrow::flight::FlightClient> client_;
  std::unique_ptr<Others> others_;
};

}  // namespace longbow::client
