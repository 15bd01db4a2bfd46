#include <algorithm>
#include <mutex>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <longbow/error.h>

#include "telemetry/otlp_messages.h"
#include "telemetry/otlp_transport.h"

namespace longbow::telemetry {
namespace {

constexpr char kMethod[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr int kMaxAnswerBytes = 64 * 1024;
// gRPC's own default is two minutes: too long for a collector that was restarted.
constexpr int kMaxReconnectMs = 5000;

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

arrow::Result<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const OtlpOptions& options,
                                                                     bool tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  if (!options.certificate_file.empty()) {
    ARROW_ASSIGN_OR_RAISE(ssl.pem_root_certs, ReadPemFile(options.certificate_file));
  }
  if (!options.client_certificate_file.empty()) {
    ARROW_ASSIGN_OR_RAISE(ssl.pem_cert_chain, ReadPemFile(options.client_certificate_file));
    ARROW_ASSIGN_OR_RAISE(ssl.pem_private_key, ReadPemFile(options.client_key_file));
  }
  return grpc::SslCredentials(ssl);
}

// The statuses that OTLP calls transient. One that is exhausted is so only if it says for how long.
bool MayRetry(grpc::StatusCode code, bool has_delay) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return has_delay;
    default:
      return false;
  }
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

class GrpcTransport : public OtlpTransport {
 public:
  GrpcTransport(const OtlpOptions& options, const Clock* clock,
                const std::shared_ptr<grpc::Channel>& channel)
      : headers_(options.headers), gzip_(options.gzip), clock_(clock), stub_(channel) {}

  ~GrpcTransport() override {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  SendResult Send(const std::string& request, MonotonicTime deadline) override {
    grpc::ClientContext context;
    Prepare(deadline, &context);
    if (!Begin(&context)) {
      return {MakeError(ErrorCode::kCommandCancelled, "Spans are no longer sent"), false, {}};
    }
    const grpc::Slice slice(request);
    const grpc::ByteBuffer body(&slice, 1);
    grpc::ByteBuffer answer;
    grpc::Status status;
    auto call = stub_.PrepareUnaryCall(&context, kMethod, body, &queue_);
    call->StartCall();
    call->Finish(&answer, &status, this);
    void* tag = nullptr;
    bool ok = false;
    // Ends at the context's deadline at the latest.
    queue_.Next(&tag, &ok);
    Begin(nullptr);
    if (status.ok()) return {CheckExportResponse(BytesOf(answer)), false, {}};
    return Failure(status);
  }

  void Cancel() override {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (running_ != nullptr) running_->TryCancel();
  }

 private:
  void Prepare(MonotonicTime deadline, grpc::ClientContext* context) {
    const auto left = std::max(deadline - clock_->Now(), MonotonicTime::duration(0));
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<WallTime::duration>(left));
    for (const auto& [name, value] : headers_) context->AddMetadata(Lower(name), value);
    if (gzip_) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
  }

  // Whom `Cancel` ends from now on; false after it.
  bool Begin(grpc::ClientContext* context) {
    std::lock_guard lock(mutex_);
    running_ = context;
    return !cancelled_;
  }

  static SendResult Failure(const grpc::Status& status) {
    SendResult result;
    result.retry_after = ReadRetryDelay(status.error_details());
    result.may_retry = MayRetry(status.error_code(), result.retry_after.has_value());
    const bool is_late = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    result.status =
        MakeError(is_late ? ErrorCode::kTimeout : ErrorCode::kCommandFailed,
                  "The collector's answer is gRPC status " + std::to_string(status.error_code()) +
                      ": " + status.error_message());
    return result;
  }

  const TextPairs headers_;
  const bool gzip_;
  const Clock* const clock_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::mutex mutex_;
  grpc::ClientContext* running_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace

arrow::Result<std::unique_ptr<OtlpTransport>> MakeOtlpGrpcTransport(const OtlpOptions& options,
                                                                    const OtlpEndpoint& endpoint,
                                                                    const Clock* clock) {
  ARROW_ASSIGN_OR_RAISE(auto credentials, Credentials(options, endpoint.tls));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  // Connections of its own: a test's or another exporter's state says nothing about this one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return std::make_unique<GrpcTransport>(
      options, clock, grpc::CreateCustomChannel(endpoint.target, credentials, arguments));
}

}  // namespace longbow::telemetry
