/// \file
/// Listens, and turns what comes into `Call`s. Flight on gRPC's asynchronous API: no thread
/// belongs to a call or a connection.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "transport/call.h"

namespace longbow {
class Logger;
namespace telemetry {
class Tracer;
}
}  // namespace longbow

namespace longbow::transport {

class CallObserver;

/// PEM texts of a server's identity.
struct TlsOptions {
  std::string certificate_pem;
  std::string private_key_pem;
  /// If set, clients must show a certificate that this one signed.
  std::string client_root_pem;
};

struct ServerOptions {
  /// Where to listen: `host:port` (port 0: a free one) and `unix:/path`; at least one.
  std::vector<std::string> addresses;
  std::optional<TlsOptions> tls;
  /// Largest message taken in; larger ones end their call with RESOURCE_EXHAUSTED. They are
  /// measured once they are there (gRPC takes 4 GiB at most): `memory_quota_bytes` is what bounds
  /// memory.
  int64_t max_message_bytes = (int64_t{1} << 31) - 1;
  /// What gRPC may hold of unread messages in all; 0: no limit.
  int64_t memory_quota_bytes = 0;
  int max_threads = 16;            ///< that serve RPCs; one per processor up to this
  int max_connections = 10000;     ///< open at a time; more are closed at once
  int max_concurrent_streams = 0;  ///< per connection; 0: no limit
  int max_connection_age_sec = 0;  ///< 0: for ever
  int max_connection_idle_sec = 0;
  int keepalive_time_sec = 60;     ///< a ping after so long without traffic
  int keepalive_timeout_sec = 20;  ///< the connection is dead without an answer after so long
  /// Header fields of one request, in all.
  int max_metadata_bytes = 64 * 1024;
  /// A call whose first message has not come so long after the server began to wait for it ends
  /// with TIMEOUT.
  std::chrono::milliseconds request_timeout{60'000};
  arrow::MemoryPool* memory_pool = nullptr;  ///< for received bodies; null: Arrow's default
  CallObserver* observer = nullptr;          ///< outlives the server; null: none
  telemetry::Tracer* tracer = nullptr;       ///< outlives the server; null: no traces
};

/// A listening server. Thread-safe.
class Server {
 public:
  virtual ~Server() = default;

  /// Binds and begins to serve. `handler` and `logger` (which may be null) outlive the server.
  /// Errors: an address that is in use or cannot be bound, with the address and what to do.
  static arrow::Result<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                      CallHandler* handler, Logger* logger);

  /// The bound ports, one per `host:port` address, in their order.
  virtual const std::vector<int>& ports() const = 0;
  /// Calls that are open now.
  virtual int64_t open_calls() const = 0;
  /// Calls that have come so far.
  virtual int64_t calls_begun() const = 0;
  /// Connections that are open now. May take a millisecond.
  virtual int64_t open_connections() const = 0;
  /// Connections that were closed because their clients sent more than they may: header fields far
  /// beyond the limit, or messages before they were let in.
  virtual int64_t refused_connections() const = 0;
  /// Connections that come from now on see this identity; open ones go on. Errors: BAD_ARGUMENT for
  /// texts that do not fit together, and where it would turn TLS, or asking for certificates of
  /// clients, on or off; the old identity stays then.
  virtual arrow::Status ReplaceTls(const TlsOptions& tls) = 0;
  /// When the certificates that new connections see expire; empty without TLS.
  virtual std::optional<WallTime> tls_expiry() const = 0;
  /// What gRPC's health service (`grpc.health.v1.Health`) answers for `""` and for
  /// `arrow.flight.protocol.FlightService`; NOT_SERVING until it is called.
  virtual void SetServing(bool serving) = 0;
  /// Refuses new calls (SHUTTING_DOWN), lets open ones end for `grace`, then cancels the rest and
  /// returns when all have ended. Handlers may hold their `Call`s longer: those are broken. Blocks;
  /// not from a callback of a call. Idempotent; the destructor calls it without grace.
  virtual void Shutdown(std::chrono::milliseconds grace) = 0;
};

}  // namespace longbow::transport
