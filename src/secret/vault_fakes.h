/// \file
/// Fakes for the tests of the Vault client.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>

#include "base/random.h"
#include "secret/http_transport.h"
#include "secret/vault_channel.h"
#include "secret/waiter.h"

namespace longbow::secret {

/// Answers with what a function says, and keeps the requests. Thread-safe if the function is.
class FakeTransport : public HttpTransport {
 public:
  using Handler = std::function<arrow::Result<HttpReply>(const HttpRequest&)>;

  arrow::Result<HttpReply> Send(const HttpRequest& request) override {
    Handler handler;
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      handler = handler_;
    }
    return handler(request);
  }

  void Handle(Handler handler) {
    std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
  }
  /// One answer after the other; the last one for ever.
  void Script(std::vector<HttpReply> replies) {
    auto next = std::make_shared<size_t>(0);
    Handle([replies = std::move(replies), next](const HttpRequest&) -> arrow::Result<HttpReply> {
      const size_t index = *next < replies.size() ? (*next)++ : replies.size() - 1;
      return replies[index];
    });
  }
  std::vector<HttpRequest> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  /// `METHOD target` of each request so far.
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const HttpRequest& request : requests()) {
      lines.push_back(request.method + " " + request.target);
    }
    return lines;
  }

 private:
  mutable std::mutex mutex_;
  Handler handler_;
  std::vector<HttpRequest> requests_;
};

/// Moves the clock instead of waiting.
class FakeWaiter : public Waiter {
 public:
  explicit FakeWaiter(testing::FakeClock* clock) : clock_(clock) {}
  bool Wait(std::chrono::milliseconds duration) override {
    if (interrupted_) return false;
    waits_.push_back(duration);
    clock_->Advance(duration);
    return true;
  }
  void Interrupt() override { interrupted_ = true; }
  const std::vector<std::chrono::milliseconds>& waits() const { return waits_; }

 private:
  testing::FakeClock* const clock_;
  bool interrupted_ = false;
  std::vector<std::chrono::milliseconds> waits_;
};

/// The value of a request's header; "(none)" where it has none.
inline std::string HeaderOf(const HttpRequest& request, const std::string& name) {
  for (const auto& [header, value] : request.headers) {
    if (header == name) return value;
  }
  return "(none)";
}

/// A world without a network.
struct FakeSurroundings {
  testing::FakeClock clock;
  FakeRandom random;
  FakeTransport transport;
  FakeWaiter waiter{&clock};

  VaultSurroundings get() { return {&transport, &waiter, &clock, &random}; }
};

}  // namespace longbow::secret
