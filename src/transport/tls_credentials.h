/// \file
/// A server's identity, which can be replaced while the server runs. No key is written to disk.
#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/clock.h>

#include "transport/server.h"

namespace grpc {
class ServerCredentials;
}

namespace longbow::transport {

/// TLS 1.2 or newer, with HTTP/2 only, and, where there are root certificates for clients, with a
/// client's certificate that one of them signed. gRPC asks for the identity at each new connection,
/// which costs the comparison of a number as long as nothing has been replaced.
///
/// Thread-safe. Outlives the servers that use it. gRPC needs new connections to come from one
/// thread at a time: it looks after the lifetime of a replaced identity without a lock.
class TlsCredentials {
 public:
  /// `clock` outlives this; null: the machine's. Errors: BAD_ARGUMENT for what `CheckTls` finds.
  static arrow::Result<std::unique_ptr<TlsCredentials>> Make(const TlsOptions& tls,
                                                             const Clock* clock = nullptr);
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;
  ~TlsCredentials();

  /// For any number of ports.
  const std::shared_ptr<grpc::ServerCredentials>& credentials() const { return credentials_; }

  /// Connections that come after this has returned get the new identity, and have to fit the new
  /// root certificates; those that are open go on with the old ones. Key, certificates and roots
  /// change together. Does not block.
  ///
  /// Errors, after which all stays as it was: BAD_ARGUMENT for what `CheckTls` finds, and where
  /// certificates of clients would be turned on or off.
  arrow::Status Replace(const TlsOptions& tls);

  /// When the present identity's chain expires, as `CertificateExpiry` says.
  WallTime expiry() const;

 private:
  class Identity;
  class Credentials;

  TlsCredentials(std::shared_ptr<Identity> identity, const Clock* clock);

  WallTime Now() const { return clock_ == nullptr ? machines_clock_.WallNow() : clock_->WallNow(); }

  const SystemClock machines_clock_;
  const Clock* const clock_;
  const std::shared_ptr<Identity> identity_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
};

}  // namespace longbow::transport
