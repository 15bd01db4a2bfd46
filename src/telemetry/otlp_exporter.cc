#include "telemetry/otlp_exporter.h"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include <longbow/error.h>

#include "base/random.h"
#include "base/utf8.h"
#include "telemetry/otlp_messages.h"

namespace longbow::telemetry {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxPemBytes = 1024 * 1024;
constexpr size_t kMaxErrorCharacters = 300;
// Shorter values are no secrets, and half of a text would be one.
constexpr size_t kMinSecretBytes = 4;
// A collector cannot silence the exporter for longer.
constexpr milliseconds kMaxRetryAfter(5 * 60 * 1000);

class OtlpExporter : public SpanExporter {
 public:
  OtlpExporter(OtlpExporterOptions options, const TracerParts& parts,
               std::unique_ptr<OtlpTransport> transport)
      : options_(std::move(options)), parts_(parts), transport_(std::move(transport)) {}

  arrow::Status Export(const SpanBatch& batch, MonotonicTime deadline) override {
    const std::string request =
        EncodeExportRequest(batch, options_.service_name, options_.resource_attributes);
    if (!WaitUntil(not_before_, deadline)) {
      return MakeError(ErrorCode::kBackpressure,
                       "The collector asked not to be sent spans for a while");
    }
    for (int64_t backoff_ms = options_.retry.initial_backoff_ms;; backoff_ms *= 2) {
      SendResult result = transport_->Send(request, DeadlineOfTry(deadline));
      if (result.status.ok()) return result.status;
      backoff_ms = std::min(backoff_ms, options_.retry.max_backoff_ms);
      if (!result.may_retry || !WaitForNextTry(result, backoff_ms, deadline)) {
        return WithoutSecrets(result.status);
      }
    }
  }

  void Cancel() override {
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      wake_.notify_all();
    }
    transport_->Cancel();
  }

  std::string destination() const override { return options_.destination; }

 private:
  MonotonicTime DeadlineOfTry(MonotonicTime deadline) const {
    if (options_.timeout_ms <= 0) return deadline;
    return std::min(deadline, parts_.clock->Now() + milliseconds(options_.timeout_ms));
  }

  bool WaitForNextTry(const SendResult& result, int64_t backoff_ms, MonotonicTime deadline) {
    uint32_t chance = 0;
    parts_.random->Fill(&chance, sizeof(chance));
    const int64_t half = backoff_ms / 2;
    milliseconds wait(half + chance % (backoff_ms - half + 1));
    if (result.retry_after.has_value()) {
      wait = std::max(wait, std::min(*result.retry_after, kMaxRetryAfter));
      not_before_ = parts_.clock->Now() + wait;
    }
    const MonotonicTime next = parts_.clock->Now() + wait;
    return next < deadline && WaitUntil(next, deadline);
  }

  // False where the deadline or the end comes first.
  bool WaitUntil(MonotonicTime time, MonotonicTime deadline) {
    std::unique_lock lock(mutex_);
    const auto wait = std::min(time, deadline) - parts_.clock->Now();
    wake_.wait_for(lock, wait, [this] { return cancelled_; });
    return !cancelled_ && time < deadline;
  }

  // A collector may repeat what it was sent.
  arrow::Status WithoutSecrets(const arrow::Status& status) const {
    std::string text = status.message();
    for (const auto& [name, value] : options_.headers) {
      if (value.size() < kMinSecretBytes) continue;
      for (size_t at = text.find(value); at != std::string::npos; at = text.find(value, at)) {
        text.replace(at, value.size(), "[secret]");
        at += 8;
      }
    }
    text = ReplaceInvalidUtf8(text);
    return MakeError(ErrorCodeOf(status), std::string(CutToCharacters(text, kMaxErrorCharacters)));
  }

  const OtlpExporterOptions options_;
  const TracerParts parts_;
  const std::unique_ptr<OtlpTransport> transport_;
  MonotonicTime not_before_{};  // what the collector asked for
  std::mutex mutex_;
  std::condition_variable wake_;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<SpanExporter> MakeOtlpExporterWith(OtlpExporterOptions options,
                                                   const TracerParts& parts,
                                                   std::unique_ptr<OtlpTransport> transport) {
  return std::make_unique<OtlpExporter>(std::move(options), parts, std::move(transport));
}

arrow::Result<std::unique_ptr<SpanExporter>> MakeOtlpExporter(const TracerOptions& options,
                                                              const TracerParts& parts) {
  const OtlpOptions& otlp = options.otlp;
  ARROW_ASSIGN_OR_RAISE(const OtlpEndpoint endpoint, ResolveOtlpEndpoint(otlp));
  if (otlp.headers.size() > kMaxHeaders) {
    return MakeError(ErrorCode::kBadArgument,
                     "There are more than 64 headers for the traces' "
                     "collector");
  }
  for (const auto& [name, value] : otlp.headers) ARROW_RETURN_NOT_OK(CheckOtlpHeader(name, value));
  if (otlp.client_certificate_file.empty() != otlp.client_key_file.empty()) {
    return MakeError(
        ErrorCode::kBadArgument,
        "The traces' exporter needs both a client certificate and its key, or neither");
  }
  auto make = otlp.protocol == OtlpProtocol::kGrpc ? MakeOtlpGrpcTransport : MakeOtlpHttpTransport;
  ARROW_ASSIGN_OR_RAISE(auto transport, make(otlp, endpoint, parts.clock));
  return MakeOtlpExporterWith({.service_name = options.service_name,
                               .resource_attributes = options.resource_attributes,
                               .timeout_ms = otlp.timeout_ms,
                               .retry = {},
                               .destination = endpoint.display,
                               .headers = otlp.headers},
                              parts, std::move(transport));
}

arrow::Result<std::string> ReadPemFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxPemBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (text.empty() || text.size() > kMaxPemBytes || text.find("-----BEGIN ") == std::string::npos) {
    return MakeError(ErrorCode::kBadArgument,
                     "The traces' exporter cannot read a PEM file of at most 1 MiB at " + path);
  }
  return text;
}

}  // namespace longbow::telemetry
