// cpp-httplib behind the interface. One client object for each request: connections are rare, and
// so certificates that changed are seen.

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <httplib.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <longbow/clock.h>
#include <longbow/error.h>

#include "base/timer.h"
#include "secret/file_secrets.h"
#include "secret/http_transport.h"
#include "secret/wipe.h"

namespace longbow::secret {
namespace {

constexpr size_t kMaxReplyBytes = 1 << 20;
constexpr std::chrono::milliseconds kMaxConnectTime{5000};
// httplib's own limits, which count from each byte on, come after ours: else it would be chance
// which of the two tells of a timeout.
constexpr std::chrono::milliseconds kGrace{1000};

struct StoreDeleter {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};
using Store = std::unique_ptr<X509_STORE, StoreDeleter>;

/// Adds each certificate of a PEM text; false where there is none, or one that is not good.
bool AddCertificates(const std::string& pem, X509_STORE* store) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  int added = 0;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    const bool ok = X509_STORE_add_cert(store, certificate) == 1;
    X509_free(certificate);
    if (!ok) return false;
    ++added;
  }
  // The end of the text is an error of its own kind; any other is one of a certificate.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return added > 0 && at_end;
}

/// The authorities of the options; null where they name none.
arrow::Result<Store> MakeStore(const TlsClientOptions& tls) {
  if (tls.ca_certificate_file.empty() && tls.ca_pem.empty()) return Store();
  Store store(X509_STORE_new());
  if (!tls.ca_certificate_file.empty()) {
    ARROW_ASSIGN_OR_RAISE(SecretFile file, ReadSecretFile(tls.ca_certificate_file));
    if (!AddCertificates(file.content, store.get())) {
      return MakeError(ErrorCode::kBadArgument,
                       "the file " + tls.ca_certificate_file + " has no certificates in PEM form");
    }
  }
  if (!tls.ca_pem.empty() && !AddCertificates(tls.ca_pem, store.get())) {
    return MakeError(ErrorCode::kBadArgument, "ca_pem has no certificates in PEM form");
  }
  return store;
}

bool IsIpAddress(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// Lets OpenSSL check the name too, by its stricter rules, beside httplib.
bool ExpectName(SSL_CTX* context, const std::string& host) {
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context);
  if (IsIpAddress(host)) return X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1;
}

/// A write by OpenSSL to a connection that is gone would send SIGPIPE, which ends a process that
/// has not arranged for it. Keeps it from this thread.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec now{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

/// Ends requests whose time is over, or all of them. A request's socket is known by a duplicate,
/// which stays ours when httplib closes its own: so no other socket that got the number is hit.
class Sockets {
 public:
  ~Sockets() {
    for (const auto& [id, open] : open_) close(open.fd);
  }

  int64_t Begin(MonotonicTime deadline) {
    std::lock_guard lock(mutex_);
    const int64_t id = next_id_++;
    open_[id] = Open{-1, 0};
    open_[id].timer = timer_->Schedule(deadline, [this, id] { EndOne(id); });
    return id;
  }

  /// The request's newest socket.
  void Add(int64_t id, int socket) {
    std::lock_guard lock(mutex_);
    Open& open = open_[id];
    if (open.fd >= 0) close(open.fd);
    open.fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (open.is_over || interrupted_) shutdown(socket, SHUT_RDWR);
  }

  /// Whether it was cut off.
  bool End(int64_t id) {
    std::unique_lock lock(mutex_);
    const Open open = open_[id];
    open_.erase(id);
    lock.unlock();
    timer_->Cancel(open.timer);
    if (open.fd >= 0) close(open.fd);
    return open.is_over;
  }

  void Interrupt() {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    for (const auto& [id, open] : open_) {
      if (open.fd >= 0) shutdown(open.fd, SHUT_RDWR);
    }
  }

  bool interrupted() const {
    std::lock_guard lock(mutex_);
    return interrupted_;
  }

 private:
  struct Open {
    int fd = -1;
    int64_t timer = 0;
    bool is_over = false;
  };

  void EndOne(int64_t id) {
    std::lock_guard lock(mutex_);
    auto found = open_.find(id);
    if (found == open_.end()) return;
    found->second.is_over = true;
    if (found->second.fd >= 0) shutdown(found->second.fd, SHUT_RDWR);
  }

  mutable std::mutex mutex_;
  std::map<int64_t, Open> open_;
  int64_t next_id_ = 1;
  bool interrupted_ = false;
  SystemClock clock_;
  // Last: its thread uses the rest.
  std::unique_ptr<Timer> timer_ = Timer::Make(&clock_);
};

class NetworkTransport : public HttpTransport {
 public:
  explicit NetworkTransport(TlsClientOptions tls) : tls_(std::move(tls)) {}

  arrow::Result<HttpReply> Send(const HttpRequest& request) override {
    if (sockets_.interrupted()) return Stopped();
    const NoPipeSignal no_pipe_signal;
    // httplib, its callbacks and allocation may throw; the text could hold what was sent.
    try {
      return request.origin.is_tls ? SendWithTls(request) : SendPlain(request);
    } catch (...) {
      return MakeError(ErrorCode::kInternalError,
                       "the request to " + request.origin.ToString() + " failed unexpectedly");
    }
  }

  void Interrupt() override { sockets_.Interrupt(); }

 private:
  /// What an exchange with httplib ended with.
  struct Outcome {
    httplib::Result result;
    HttpReply reply;
    bool too_large = false;
    bool is_over = false;
  };

  static arrow::Status Stopped() {
    return MakeError(ErrorCode::kShuttingDown, "the request was given up for a stop");
  }

  arrow::Result<HttpReply> SendPlain(const HttpRequest& request) {
    httplib::ClientImpl client(request.origin.host, request.origin.port);
    Outcome outcome = Exchange(client, request);
    return Judge(request, std::move(outcome), "");
  }

  arrow::Result<HttpReply> SendWithTls(const HttpRequest& request) {
    httplib::SSLClient client(request.origin.host, request.origin.port, tls_.certificate_file,
                              tls_.key_file);
    if (!client.is_valid()) {
      return MakeError(
          ErrorCode::kBadArgument,
          "the client's certificate cannot be used to connect to " + request.origin.ToString(),
          "Are " + tls_.certificate_file + " and " + tls_.key_file +
              " there, in PEM form, and made for each other?");
    }
    ARROW_ASSIGN_OR_RAISE(Store store, MakeStore(tls_));
    SSL_CTX* context = client.ssl_context();
    // Not as the context's own store: httplib adds the system's authorities to that one.
    const bool is_set =
        (store == nullptr || SSL_CTX_set1_verify_cert_store(context, store.get()) == 1) &&
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
        ExpectName(context, request.origin.host);
    if (!is_set) {
      return MakeError(ErrorCode::kInternalError,
                       "TLS could not be set up for " + request.origin.ToString());
    }
    client.enable_server_certificate_verification(true);
    Outcome outcome = Exchange(client, request);
    const std::string reason = X509_verify_cert_error_string(client.get_openssl_verify_result());
    return Judge(request, std::move(outcome), reason);
  }

  Outcome Exchange(httplib::ClientImpl& client, const HttpRequest& request) {
    const int64_t id = sockets_.Begin(SystemClock().Now() + request.timeout);
    client.set_socket_options([this, id](int socket) { sockets_.Add(id, socket); });
    client.set_connection_timeout(std::min(request.timeout + kGrace, kMaxConnectTime));
    client.set_read_timeout(request.timeout + kGrace);
    client.set_write_timeout(request.timeout + kGrace);
    client.set_url_encode(false);
    client.set_follow_location(false);
    httplib::Request sent;
    sent.method = request.method;
    sent.path = request.target;
    for (const auto& [name, value] : request.headers) sent.headers.emplace(name, value);
    // No compression: its answer could be small here and large there.
    sent.headers.emplace("Accept-Encoding", "identity");
    sent.body = request.body;
    if (!sent.body.empty()) sent.headers.emplace("Content-Type", "application/json");
    Outcome outcome{httplib::Result(nullptr, httplib::Error::Unknown), {}};
    sent.content_receiver = [&outcome](const char* data, size_t size, uint64_t, uint64_t) {
      outcome.too_large |= outcome.reply.body.size() + size > kMaxReplyBytes;
      if (!outcome.too_large) outcome.reply.body.append(data, size);
      return !outcome.too_large;
    };
    outcome.result = client.send(sent);
    Wipe(&sent.body);
    for (auto& [name, value] : sent.headers) Wipe(&value);
    outcome.is_over = sockets_.End(id);
    return outcome;
  }

  arrow::Result<HttpReply> Judge(const HttpRequest& request, Outcome outcome,
                                 const std::string& certificate_reason) const {
    const std::string server = request.origin.ToString();
    if (outcome.too_large) {
      return MakeError(ErrorCode::kResourceExhausted,
                       "the answer of " + server + " is larger than 1 MiB");
    }
    if (outcome.result && !outcome.is_over) {
      outcome.reply.status = outcome.result->status;
      outcome.reply.location = outcome.result->get_header_value("Location");
      return std::move(outcome.reply);
    }
    Wipe(&outcome.reply.body);
    if (sockets_.interrupted()) return Stopped();
    if (outcome.is_over) {
      return MakeError(ErrorCode::kTimeout, server + " did not answer within " +
                                                std::to_string(request.timeout.count()) + " ms");
    }
    if (outcome.result.error() == httplib::Error::SSLServerVerification) {
      return MakeError(ErrorCode::kUnauthenticated,
                       "the certificate of " + server + " is not good: " + certificate_reason,
                       "Its name must be the address's, and an authority that is trusted here must "
                       "have signed it.");
    }
    return MakeError(ErrorCode::kNotReady,
                     "no answer from " + server + ": " + httplib::to_string(outcome.result.error()),
                     "Is it running, and reachable from here?");
  }

  const TlsClientOptions tls_;
  Sockets sockets_;
};

}  // namespace

std::unique_ptr<HttpTransport> MakeNetworkTransport(TlsClientOptions tls) {
  return std::make_unique<NetworkTransport>(std::move(tls));
}

}  // namespace longbow::secret
