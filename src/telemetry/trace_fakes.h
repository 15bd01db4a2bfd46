/// \file
/// For tests of traces: an exporter and a transport that do what they are told, and waiting.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "telemetry/otlp_transport.h"
#include "telemetry/span_exporter.h"

namespace longbow::telemetry {

/// Longer than anything takes; only a test that fails waits for it.
inline constexpr std::chrono::seconds kTestLimit(60);

/// Keeps what it is given. The test holds the state, since the tracer owns the exporter.
struct FakeExporterState {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<SpanData> spans;
  std::vector<size_t> batches;
  std::vector<MonotonicTime> deadlines;
  arrow::Status answer;  ///< of the exports to come
  bool blocks = false;   ///< Exports last until `Cancel` or until this is false.
  bool cancelled = false;
  int running = 0;

  /// Waits for `done`, which looks at the state.
  bool WaitFor(const std::function<bool()>& done) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kTestLimit, done);
  }
  void Set(const std::function<void()>& change) {
    std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
};

class FakeExporter : public SpanExporter {
 public:
  explicit FakeExporter(std::shared_ptr<FakeExporterState> state) : state_(std::move(state)) {}

  arrow::Status Export(const SpanBatch& batch, MonotonicTime deadline) override {
    std::unique_lock lock(state_->mutex);
    ++state_->running;
    state_->deadlines.push_back(deadline);
    state_->changed.notify_all();
    state_->changed.wait(lock, [this] { return !state_->blocks || state_->cancelled; });
    --state_->running;
    state_->batches.push_back(batch.size());
    arrow::Status answer =
        state_->cancelled ? arrow::Status::Cancelled("cancelled") : state_->answer;
    if (answer.ok()) {
      for (const auto& span : batch) state_->spans.push_back(*span);
    }
    state_->changed.notify_all();
    return answer;
  }
  void Cancel() override {
    state_->Set([this] { state_->cancelled = true; });
  }
  std::string destination() const override { return "collector:4317"; }

 private:
  const std::shared_ptr<FakeExporterState> state_;
};

/// Answers in the order that the test gave; then OK.
struct FakeTransportState {
  std::deque<SendResult> answers;
  std::function<void()> on_send = [] {};
  std::vector<std::string> requests;
  std::vector<MonotonicTime> deadlines;
  bool cancelled = false;
};

class FakeTransport : public OtlpTransport {
 public:
  explicit FakeTransport(std::shared_ptr<FakeTransportState> state) : state_(std::move(state)) {}

  SendResult Send(const std::string& request, MonotonicTime deadline) override {
    state_->requests.push_back(request);
    state_->deadlines.push_back(deadline);
    state_->on_send();
    if (state_->answers.empty()) return {};
    SendResult answer = state_->answers.front();
    state_->answers.pop_front();
    return answer;
  }
  void Cancel() override { state_->cancelled = true; }

 private:
  const std::shared_ptr<FakeTransportState> state_;
};

}  // namespace longbow::telemetry
