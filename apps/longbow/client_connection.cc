#include "client_connection.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include <arrow/flight/client.h>

#include "client_failure.h"

namespace longbow::client {
namespace {

constexpr double kLastCallSec = 2;
constexpr char kKnownSchemes[] =
    "write grpc://HOST:PORT, grpc+tls://HOST:PORT or grpc+unix:///PATH";

arrow::Result<std::pair<std::string, std::string>> ParseHeader(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return UsageError("--header '" + text + "' is not NAME=VALUE");
  }
  std::string name = text.substr(0, equals);
  for (char& c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && c != '-' && c != '_' && c != '.') {
      return UsageError("--header '" + text + "': a header's name has letters, digits, - _ .");
    }
    c = static_cast<char>(std::tolower(byte));
  }
  std::string value = text.substr(equals + 1);
  if (std::any_of(value.begin(), value.end(), [](char c) { return c < 0x20 || c == 0x7F; })) {
    return UsageError("--header " + name +
                      ": the value has a character that is no printable ASCII");
  }
  return std::pair{std::move(name), std::move(value)};
}

// Nothing where there is no path.
arrow::Result<std::string> ReadPem(const char* option, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    return UsageError(std::string(option) + ": cannot read '" + path + "'");
  }
  return content.str();
}

}  // namespace

struct Connection::Others {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<arrow::flight::FlightClient>> clients;
};

Connection::Connection(ConnectionOptions options)
    : options_(std::move(options)), others_(std::make_unique<Others>()) {}

Connection::~Connection() = default;

arrow::Result<std::unique_ptr<arrow::flight::FlightClient>> Connection::Connect(
    const std::string& uri) const {
  auto location = arrow::flight::Location::Parse(uri);
  if (!location.ok() || uri.rfind("grpc", 0) != 0) {
    return UsageError("'" + uri + "' is no server: " + kKnownSchemes);
  }
  auto client_options = arrow::flight::FlightClientOptions::Defaults();
  client_options.tls_root_certs = tls_roots_;
  client_options.cert_chain = tls_cert_;
  client_options.private_key = tls_key_;
  // Messages are bounded by the server; a client takes what it asked for.
  auto client = arrow::flight::FlightClient::Connect(*location, client_options);
  if (!client.ok()) {
    return UsageError("'" + uri + "' is no server: " + client.status().message() + "; " +
                      kKnownSchemes);
  }
  return client;
}

arrow::Result<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  std::unique_ptr<Connection> connection(new Connection(options));
  if (connection->options_.server.find("://") == std::string::npos) {
    connection->options_.server = "grpc://" + connection->options_.server;
  }
  for (const std::string& text : options.headers) {
    ARROW_ASSIGN_OR_RAISE(auto header, ParseHeader(text));
    connection->headers_.push_back(std::move(header));
  }
  if (!options.token.empty()) {
    connection->headers_.emplace_back("authorization", "Bearer " + options.token);
  }
  ARROW_ASSIGN_OR_RAISE(connection->tls_roots_, ReadPem("--tls-ca", options.tls_ca_file));
  ARROW_ASSIGN_OR_RAISE(connection->tls_cert_, ReadPem("--tls-cert", options.tls_cert_file));
  ARROW_ASSIGN_OR_RAISE(connection->tls_key_, ReadPem("--tls-key", options.tls_key_file));
  if (connection->tls_cert_.empty() != connection->tls_key_.empty()) {
    return UsageError("--tls-cert and --tls-key go together");
  }
  if (options.timeout_sec > 0) {
    connection->deadline_ = std::chrono::steady_clock::now() +
                            std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                std::chrono::duration<double>(options.timeout_sec));
  }
  ARROW_ASSIGN_OR_RAISE(connection->client_, connection->Connect(connection->options_.server));
  return connection;
}

arrow::flight::FlightCallOptions Connection::CallOptions() const {
  arrow::flight::FlightCallOptions options;
  options.headers = headers_;
  // Flight leaves small bodies where they lie in the message, at any address.
  options.read_options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  if (deadline_) {
    const std::chrono::duration<double> left = *deadline_ - std::chrono::steady_clock::now();
    // Not below zero, which would mean "no limit".
    options.timeout = arrow::flight::TimeoutDuration(std::max(0.001, left.count()));
  }
  return options;
}

arrow::flight::FlightCallOptions Connection::LastCallOptions() const {
  arrow::flight::FlightCallOptions options;
  options.headers = headers_;
  options.timeout = arrow::flight::TimeoutDuration(kLastCallSec);
  return options;
}

arrow::Result<arrow::flight::FlightClient*> Connection::ClientFor(
    const arrow::flight::FlightEndpoint& endpoint) {
  const auto here = arrow::flight::Location::Parse(options_.server);
  for (const auto& location : endpoint.locations) {
    if (location == arrow::flight::Location::ReuseConnection() ||
        (here.ok() && location == *here)) {
      return client_.get();
    }
  }
  if (endpoint.locations.empty()) return client_.get();
  const std::string uri = endpoint.locations.front().ToString();
  std::lock_guard lock(others_->mutex);
  auto& other = others_->clients[uri];
  if (other == nullptr) {
    ARROW_ASSIGN_OR_RAISE(other, Connect(uri));
  }
  return other.get();
}

}  // namespace longbow::client
