#include <algorithm>
#include <ctime>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arrow/util/compression.h>
#include <httplib.h>
#include <openssl/ssl.h>

#include <longbow/error.h>

#include "base/timer.h"
#include "telemetry/otlp_messages.h"
#include "telemetry/otlp_resolver.h"
#include "telemetry/otlp_transport.h"

namespace longbow::telemetry {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr size_t kMaxAnswerBytes = 64 * 1024;
constexpr int64_t kMaxRetryAfterSec = 3600;

/// The socket of the connection, to end it from another thread whatever is being waited for. Its
/// descriptor is a copy: httplib's own may be closed, and its number be another file's, at any
/// time.
class Lifeline {
 public:
  ~Lifeline() {
    if (copy_ >= 0) close(copy_);
  }
  /// Whether connections may live, again; false once they were ended for ever.
  bool Begin() {
    std::lock_guard lock(mutex_);
    ended_ = ended_for_ever_;
    return !ended_;
  }
  /// A new socket is about to be connected.
  void Take(int socket) {
    std::lock_guard lock(mutex_);
    if (copy_ >= 0) close(copy_);
    copy_ = -1;
    if (!ended_) {
      copy_ = fcntl(socket, F_DUPFD_CLOEXEC, 0);
      return;
    }
    // What is no socket cannot be connected: so the attempt fails at once.
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return;
    dup3(nothing, socket, O_CLOEXEC);
    close(nothing);
  }
  void HangUp(bool for_ever) {
    std::lock_guard lock(mutex_);
    ended_ = true;
    ended_for_ever_ = ended_for_ever_ || for_ever;
    if (copy_ >= 0) shutdown(copy_, SHUT_RDWR);
  }

 private:
  std::mutex mutex_;
  int copy_ = -1;
  bool ended_ = false;
  bool ended_for_ever_ = false;
};

/// Ends the connection at a deadline: httplib's own limits begin anew with each byte.
class Watchdog {
 public:
  Watchdog(Timer* timer, MonotonicTime deadline, Lifeline* lifeline)
      : timer_(timer), id_(timer->Schedule(deadline, [lifeline] { lifeline->HangUp(false); })) {}
  ~Watchdog() { timer_->Cancel(id_); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  Timer* const timer_;
  const int64_t id_;
};

// `Retry-After`: a number of seconds, or a date.
std::optional<milliseconds> ReadRetryAfter(const std::string& text, WallTime now) {
  if (text.empty()) return {};
  int64_t seconds = 0;
  const bool is_number = text.size() <= 9 && std::all_of(text.begin(), text.end(), [](char c) {
                           return c >= '0' && c <= '9';
                         });
  if (is_number) {
    seconds = std::stoll(text);
  } else {
    struct tm date = {};
    const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (end == nullptr || *end != '\0') return {};
    seconds = timegm(&date) - std::chrono::system_clock::to_time_t(now);
  }
  return milliseconds(1000 * std::clamp<int64_t>(seconds, 0, kMaxRetryAfterSec));
}

bool MayRetry(int http_status) {
  return http_status == 429 || http_status == 502 || http_status == 503 || http_status == 504;
}

bool MayRetry(httplib::Error error) {
  return error != httplib::Error::SSLLoadingCerts &&
         error != httplib::Error::SSLServerVerification && error != httplib::Error::Canceled;
}

class HttpTransport : public OtlpTransport {
 public:
  HttpTransport(const OtlpOptions& options, const OtlpEndpoint& endpoint, const Clock* clock)
      : endpoint_(endpoint),
        headers_(options.headers),
        clock_(clock),
        resolver_(endpoint.host),
        timer_(Timer::Make(clock)) {}

  arrow::Status Init(const OtlpOptions& options) {
    if (options.gzip) {
      ARROW_ASSIGN_OR_RAISE(gzip_, arrow::util::Codec::Create(arrow::Compression::GZIP));
    }
    if (endpoint_.tls) {
      ARROW_RETURN_NOT_OK(InitTls(options));
    } else {
      client_ = std::make_unique<httplib::ClientImpl>(endpoint_.host, endpoint_.port);
    }
    client_->set_keep_alive(true);
    client_->set_follow_location(false);
    client_->set_url_encode(false);
    client_->set_tcp_nodelay(true);
    client_->set_socket_options([this](int socket) { lifeline_.Take(socket); });
    return arrow::Status::OK();
  }

  SendResult Send(const std::string& request, MonotonicTime deadline) override {
    if (!lifeline_.Begin()) {
      return {MakeError(ErrorCode::kCommandCancelled, "Spans are no longer sent"), false, {}};
    }
    try {
      const Watchdog watchdog(timer_.get(), deadline, &lifeline_);
      return SendToAny(request, deadline);
    } catch (const std::exception& error) {
      return {
          MakeError(ErrorCode::kInternalError, "Spans could not be sent", error.what()), true, {}};
    }
  }

  void Cancel() override {
    lifeline_.HangUp(true);
    resolver_.Cancel();
  }

 private:
  arrow::Status InitTls(const OtlpOptions& options) {
    // Read here for the sake of the error: httplib reads them again, and tells nothing.
    for (const std::string* path :
         {&options.certificate_file, &options.client_certificate_file, &options.client_key_file}) {
      if (!path->empty()) ARROW_RETURN_NOT_OK(ReadPemFile(*path).status());
    }
    auto client = std::make_unique<httplib::SSLClient>(
        endpoint_.host, endpoint_.port, options.client_certificate_file, options.client_key_file);
    if (!client->is_valid()) {
      return MakeError(ErrorCode::kBadArgument,
                       "The traces' exporter cannot use its client certificate with its key");
    }
    SSL_CTX_set_min_proto_version(client->ssl_context(), TLS1_2_VERSION);
    if (!options.certificate_file.empty()) client->set_ca_cert_path(options.certificate_file);
    client->enable_server_certificate_verification(true);
    client_ = std::move(client);
    return arrow::Status::OK();
  }

  // httplib would try all addresses by itself, each for the whole time, and could not be stopped.
  SendResult SendToAny(const std::string& request, MonotonicTime deadline) {
    auto found = addresses_;
    if (found.empty()) {
      auto resolved = resolver_.Resolve(std::chrono::ceil<milliseconds>(Left(deadline)));
      if (!resolved.ok()) return {resolved.status(), true, {}};
      found = resolved.MoveValueUnsafe();
    }
    SendResult result{
        MakeError(ErrorCode::kTimeout, "The collector did not answer in time"), true, {}};
    for (const std::string& address : found) {
      if (Left(deadline) <= microseconds(0)) break;
      client_->set_hostname_addr_map({{endpoint_.host, address}});
      bool connected = true;
      result = SendOnce(request, deadline, &connected);
      // The next request goes to the address that answered, or asks for new ones.
      addresses_.clear();
      if (connected) {
        addresses_ = {address};
        break;
      }
    }
    return result;
  }

  SendResult SendOnce(const std::string& body, MonotonicTime deadline, bool* connected) {
    const auto left = std::max<microseconds>(Left(deadline), microseconds(1000));
    client_->set_connection_timeout(left);
    client_->set_read_timeout(left);
    client_->set_write_timeout(left);
    std::string answer;
    httplib::Request request;
    const arrow::Status filled = Fill(body, &request);
    if (!filled.ok()) return {filled, false, {}};
    request.content_receiver = [&answer](const char* data, size_t size, uint64_t, uint64_t) {
      if (answer.size() + size > kMaxAnswerBytes) return false;
      answer.append(data, size);
      return true;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    if (!client_->send(request, response, error)) {
      *connected =
          error != httplib::Error::Connection && error != httplib::Error::ConnectionTimeout;
      return {MakeError(ErrorCode::kCommandFailed,
                        "The collector was not reached: " + httplib::to_string(error)),
              MayRetry(error),
              {}};
    }
    if (response.status >= 200 && response.status < 300) {
      return {CheckExportResponse(answer), false, {}};
    }
    return {MakeError(ErrorCode::kCommandFailed,
                      "The collector's answer is HTTP status " + std::to_string(response.status)),
            MayRetry(response.status),
            ReadRetryAfter(response.get_header_value("Retry-After"), clock_->WallNow())};
  }

  arrow::Status Fill(const std::string& body, httplib::Request* request) {
    request->method = "POST";
    request->path = endpoint_.path;
    for (const auto& [name, value] : headers_) request->headers.emplace(name, value);
    request->headers.emplace("Content-Type", "application/x-protobuf");
    // An answer is small, and a packed one could be made to grow.
    request->headers.emplace("Accept-Encoding", "identity");
    if (gzip_ == nullptr) {
      request->body = body;
      return arrow::Status::OK();
    }
    const auto* data = reinterpret_cast<const uint8_t*>(body.data());
    const auto size = static_cast<int64_t>(body.size());
    std::string packed(static_cast<size_t>(gzip_->MaxCompressedLen(size, data)), '\0');
    ARROW_ASSIGN_OR_RAISE(const int64_t packed_size,
                          gzip_->Compress(size, data, static_cast<int64_t>(packed.size()),
                                          reinterpret_cast<uint8_t*>(packed.data())));
    packed.resize(static_cast<size_t>(packed_size));
    request->body = std::move(packed);
    request->headers.emplace("Content-Encoding", "gzip");
    return arrow::Status::OK();
  }

  microseconds Left(MonotonicTime deadline) const {
    return std::chrono::duration_cast<microseconds>(deadline - clock_->Now());
  }

  const OtlpEndpoint endpoint_;
  const TextPairs headers_;
  const Clock* const clock_;
  std::unique_ptr<arrow::util::Codec> gzip_;
  Lifeline lifeline_;
  HostResolver resolver_;
  std::unique_ptr<httplib::ClientImpl> client_;
  std::vector<std::string> addresses_;  // that of the last request; empty: to be looked up
  std::unique_ptr<Timer> timer_;        // ends first: its callbacks use the others
};

}  // namespace

arrow::Result<std::unique_ptr<OtlpTransport>> MakeOtlpHttpTransport(const OtlpOptions& options,
                                                                    const OtlpEndpoint& endpoint,
                                                                    const Clock* clock) {
  auto transport = std::make_unique<HttpTransport>(options, endpoint, clock);
  ARROW_RETURN_NOT_OK(transport->Init(options));
  return transport;
}

}  // namespace longbow::telemetry
