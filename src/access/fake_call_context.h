/// \file
/// A call that a test makes by hand.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <longbow/call_context.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::access {

/// Filled before it is handed out, and only read from then on; not thread-safe.
class FakeCallContext : public CallContext {
 public:
  FakeCallContext() = default;
  /// With headers: `FakeCallContext call{{"x-a", "1"}, {"x-b", "2"}}`.
  FakeCallContext(std::initializer_list<Headers::value_type> headers) : headers_(headers) {}
  explicit FakeCallContext(PeerCertificate certificate) : certificate_(std::move(certificate)) {}

  void AddHeader(std::string name, std::string value) {
    headers_.emplace(std::move(name), std::move(value));
  }
  void SetCertificate(PeerCertificate certificate) { certificate_ = std::move(certificate); }
  void SetPrincipal(Principal principal) { principal_ = std::move(principal); }
  void SetDeadline(MonotonicTime deadline) { deadline_ = deadline; }
  void SetCancelled() { cancelled_ = true; }

  const Headers& headers() const override { return headers_; }
  const std::string& peer() const override { return peer_; }
  const std::optional<PeerCertificate>& peer_certificate() const override { return certificate_; }
  const Principal& principal() const override { return principal_; }
  const std::string& request_id() const override { return request_id_; }
  std::string traceparent() const override { return {}; }
  testing::RecordingLogger& logger() const override { return logger_; }
  std::optional<MonotonicTime> deadline() const override { return deadline_; }
  bool cancelled() const override { return cancelled_; }
  void AddResponseHeader(std::string_view name, std::string_view value) override {
    response_headers_.emplace(name, value);
  }

  const Headers& response_headers() const { return response_headers_; }

 private:
  Headers headers_;
  Headers response_headers_;
  std::optional<PeerCertificate> certificate_;
  Principal principal_;
  std::optional<MonotonicTime> deadline_;
  bool cancelled_ = false;
  const std::string peer_ = "ipv4:127.0.0.1:51234";
  const std::string request_id_ = "request-1";
  mutable testing::RecordingLogger logger_;
};

}  // namespace longbow::access
