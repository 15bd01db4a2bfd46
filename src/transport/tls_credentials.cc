#include "transport/tls_credentials.h"

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <longbow/error.h>

#include "transport/tls_check.h"
#include "transport/tls_guard.h"

namespace longbow::transport {

/// What is in force now. Thread-safe.
class TlsCredentials::Identity {
 public:
  Identity(TlsOptions tls, WallTime expiry)
      : asks_clients_(!tls.client_root_pem.empty()), tls_(std::move(tls)), expiry_(expiry) {}

  bool asks_clients() const { return asks_clients_; }
  WallTime expiry() const {
    std::lock_guard lock(mutex_);
    return expiry_;
  }

  void Replace(const TlsOptions& tls, WallTime expiry) {
    std::lock_guard lock(mutex_);
    // The same once more would only make clients forget their sessions.
    if (tls.certificate_pem == tls_.certificate_pem &&
        tls.private_key_pem == tls_.private_key_pem &&
        tls.client_root_pem == tls_.client_root_pem) {
      return;
    }
    tls_ = tls;
    expiry_ = expiry;
    ++version_;
  }

  /// For gRPC, which owns it; null where `*seen` is up to date.
  grpc_ssl_server_certificate_config* Newer(uint64_t* seen) const {
    std::lock_guard lock(mutex_);
    if (*seen == version_) return nullptr;
    *seen = version_;
    const grpc_ssl_pem_key_cert_pair pair{tls_.private_key_pem.c_str(),
                                          tls_.certificate_pem.c_str()};
    // gRPC insists on root certificates, and uses none where it does not ask clients.
    const std::string& roots = asks_clients_ ? tls_.client_root_pem : tls_.certificate_pem;
    return grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
  }

 private:
  const bool asks_clients_;
  mutable std::mutex mutex_;
  TlsOptions tls_;
  WallTime expiry_;
  uint64_t version_ = 1;
};

/// gRPC's C++ side has no name for credentials that are asked for again, its C side does.
class TlsCredentials::Credentials final : public grpc::ServerCredentials {
 public:
  explicit Credentials(std::shared_ptr<const Identity> identity) : identity_(std::move(identity)) {}

  /// Nobody calls it: who calls is found out elsewhere.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  /// gRPC keeps a context for each port, and each has to be told of a change.
  struct Port {
    const Identity* identity;
    uint64_t seen = 0;  // one thread at a time: gRPC holds the port's lock
  };

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* port_of_ours, grpc_ssl_server_certificate_config** config) {
    auto* port = static_cast<Port*>(port_of_ours);
    *config = port->identity->Newer(&port->seen);
    if (*config == nullptr) {
      GuardNoTlsContext();
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    if (port->identity->asks_clients()) GuardNextTlsContext();
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  int AddPortToServer(const std::string& address, grpc_server* server) override {
    std::lock_guard lock(mutex_);
    Port* port = ports_.emplace_back(std::make_unique<Port>(Port{identity_.get()})).get();
    grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            identity_->asks_clients() ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            &Fetch, port));
    const int bound = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return bound;
  }

  const std::shared_ptr<const Identity> identity_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Port>> ports_;
};

TlsCredentials::TlsCredentials(std::shared_ptr<Identity> identity, const Clock* clock)
    : clock_(clock),
      identity_(std::move(identity)),
      credentials_(std::make_shared<Credentials>(identity_)) {}

TlsCredentials::~TlsCredentials() = default;

arrow::Result<std::unique_ptr<TlsCredentials>> TlsCredentials::Make(const TlsOptions& tls,
                                                                    const Clock* clock) {
  ARROW_RETURN_NOT_OK(CheckTls(tls, clock == nullptr ? SystemClock().WallNow() : clock->WallNow()));
  ARROW_ASSIGN_OR_RAISE(const WallTime expiry, CertificateExpiry(tls.certificate_pem));
  return std::unique_ptr<TlsCredentials>(
      new TlsCredentials(std::make_shared<Identity>(tls, expiry), clock));
}

arrow::Status TlsCredentials::Replace(const TlsOptions& tls) {
  if (tls.client_root_pem.empty() == identity_->asks_clients()) {
    return MakeError(ErrorCode::kBadArgument,
                     "Certificates of clients cannot be turned on or off while the server runs; "
                     "restart it");
  }
  ARROW_RETURN_NOT_OK(CheckTls(tls, Now()));
  ARROW_ASSIGN_OR_RAISE(const WallTime expiry, CertificateExpiry(tls.certificate_pem));
  identity_->Replace(tls, expiry);
  return arrow::Status::OK();
}

WallTime TlsCredentials::expiry() const { return identity_->expiry(); }

}  // namespace longbow::transport
