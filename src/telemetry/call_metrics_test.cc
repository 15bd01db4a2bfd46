#include "telemetry/call_metrics.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

#include "telemetry/call_metrics_recent.h"
#include "telemetry/metrics_exposition.h"
#include "telemetry/metrics_registry.h"

namespace longbow::telemetry {
namespace {

using std::chrono::seconds;

constexpr int kGet = 0;
constexpr int kPut = 1;

class CallMetricsTest : public ::testing::Test {
 protected:
  Exposition Scrape() const { return Exposition(registry_->Scrape()); }
  // A call of `method` from its begin to its end.
  void Run(int method, std::optional<ErrorCode> code, double duration_sec = 0.004) {
    calls_.Begin(method);
    calls_.End({.method = method, .code = code, .duration_sec = duration_sec});
  }

  longbow::testing::RecordingLogger logger_;
  longbow::testing::FakeClock clock_;
  std::unique_ptr<MetricsRegistry> registry_ = MetricsRegistry::Make(&logger_);
  CallMetrics calls_{registry_.get(), {"DoGet", "DoPut"}, &clock_};
};

TEST_F(CallMetricsTest, CountsCalls) {
  for (int i = 0; i < 3; ++i) calls_.Begin(kGet);
  calls_.Waiting(kGet, 1);
  calls_.Waiting(kGet, 1);
  calls_.Waiting(kGet, -1);
  calls_.End({.method = kGet,
              .duration_sec = 0.2,
              .waited_sec = 0.05,
              .bytes_in = 10,
              .bytes_out = 1000,
              .rows_in = 1,
              .rows_out = 50});
  const MetricLabels get = {{"method", "DoGet"}};
  const MetricLabels put = {{"method", "DoPut"}};
  const Exposition text = Scrape();
  EXPECT_EQ(text.value("longbow_rpc_running", get), 2);
  EXPECT_EQ(text.value("longbow_rpc_waiting", get), 1);
  EXPECT_EQ(text.value("longbow_rpc_calls_total", {{"method", "DoGet"}, {"code", "OK"}}), 1);
  EXPECT_EQ(text.value("longbow_rpc_received_bytes_total", get), 10);
  EXPECT_EQ(text.value("longbow_rpc_sent_bytes_total", get), 1000);
  EXPECT_EQ(text.value("longbow_rpc_received_rows_total", get), 1);
  EXPECT_EQ(text.value("longbow_rpc_sent_rows_total", get), 50);
  EXPECT_EQ(text.value("longbow_rpc_duration_seconds_sum", get), 0.2);
  EXPECT_EQ(text.value("longbow_rpc_duration_seconds_bucket", {{"method", "DoGet"}, {"le", "0.1"}}),
            0);
  EXPECT_EQ(
      text.value("longbow_rpc_duration_seconds_bucket", {{"method", "DoGet"}, {"le", "0.25"}}), 1);
  EXPECT_EQ(text.value("longbow_rpc_wait_seconds_sum", get), 0.05);
  EXPECT_EQ(text.value("longbow_rpc_running", put), 0);
  EXPECT_EQ(text.value("longbow_rpc_calls_total", {{"method", "DoPut"}, {"code", "OK"}}), 0);
  EXPECT_TRUE(logger_.lines().empty());
}

TEST_F(CallMetricsTest, CodesAreAFixedSet) {
  for (int64_t code = -70'000; code < 70'000; ++code) Run(kGet, static_cast<ErrorCode>(code));
  Run(kGet, static_cast<ErrorCode>(std::numeric_limits<int32_t>::min()));
  Run(kGet, static_cast<ErrorCode>(std::numeric_limits<int32_t>::max()));
  Run(kGet, std::nullopt);
  const Exposition text = Scrape();
  auto calls = [&](const std::string& code) {
    return text.value("longbow_rpc_calls_total", {{"method", "DoGet"}, {"code", code}});
  };
  EXPECT_EQ(calls("OK"), 1);
  EXPECT_EQ(calls("UNKNOWN"), 1);
  EXPECT_EQ(calls("BACKPRESSURE"), 1);
  EXPECT_EQ(calls("NOT_IMPLEMENTED"), 1);
  EXPECT_EQ(calls("CUSTOM"), 140'000 + 2 - 23);
  size_t series = 0;
  for (const auto& sample : text.samples()) series += sample.name == "longbow_rpc_calls_total";
  EXPECT_EQ(series, 26u);  // 23 of the protocol, CUSTOM, and OK of both methods
}

TEST_F(CallMetricsTest, TakesNonsense) {
  for (int method : {-1, 2, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    Run(method, std::nullopt);
    calls_.Waiting(method, 1);
    EXPECT_EQ(calls_.now(method).calls_total, 0);
  }
  calls_.Begin(kGet);
  calls_.End({.method = kGet,
              .duration_sec = -5,
              .waited_sec = std::numeric_limits<double>::quiet_NaN(),
              .bytes_in = -1,
              .rows_out = std::numeric_limits<int64_t>::min()});
  const MetricLabels get = {{"method", "DoGet"}};
  EXPECT_EQ(Scrape().value("longbow_rpc_duration_seconds_sum", get), 0);
  EXPECT_EQ(Scrape().value("longbow_rpc_received_bytes_total", get), 0);
  EXPECT_EQ(Scrape().value("longbow_rpc_sent_rows_total", get), 0);
}

TEST_F(CallMetricsTest, TellsHowItIsNow) {
  for (int i = 0; i < 100; ++i) Run(kGet, std::nullopt, i < 98 ? 0.010 : 2.0);
  Run(kGet, ErrorCode::kBackpressure, 0.010);
  Run(kGet, ErrorCode::kNotFound, 0.010);
  calls_.Begin(kGet);
  calls_.Waiting(kGet, 1);
  clock_.Advance(seconds(10));
  const CallMetrics::MethodNow now = calls_.now(kGet);
  EXPECT_EQ(now.running, 1);
  EXPECT_EQ(now.waiting, 1);
  EXPECT_EQ(now.calls_total, 102);
  EXPECT_EQ(now.errors_total, 2);
  EXPECT_EQ(now.refused_total, 1);
  EXPECT_NEAR(now.per_second, 10.2, 0.01);
  EXPECT_NEAR(now.p50_ms, 10, 2.5);
  EXPECT_NEAR(now.p99_ms, 2000, 500);
  EXPECT_EQ(calls_.now(kPut).calls_total, 0);
  EXPECT_EQ(calls_.now(kPut).p99_ms, 0);
}

TEST_F(CallMetricsTest, FunctionsGoWithIt) {
  {
    CallMetrics other(registry_.get(), {"Handshake"}, &clock_);
    EXPECT_EQ(Scrape().value("longbow_rpc_running", {{"method", "Handshake"}}), 0);
  }
  EXPECT_FALSE(Scrape().value("longbow_rpc_running", {{"method", "Handshake"}}));
}

TEST_F(CallMetricsTest, CountsFromManyThreadsDuringScrapes) {
  constexpr int kCalls = 3000;
  std::atomic<bool> stop{false};
  std::thread scraper([&] {
    while (!stop) {
      Scrape();
      calls_.now(kGet);
    }
  });
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const bool failed = i % 3 == 0;
        calls_.Begin(kGet);
        calls_.Waiting(kGet, 1);
        calls_.Waiting(kGet, -1);
        // All threads meet a new code at about the same time.
        const auto code = static_cast<ErrorCode>(200 + i / 500);
        calls_.End({.method = kGet,
                    .code = failed ? std::optional(code) : std::nullopt,
                    .duration_sec = 0.001,
                    .bytes_out = 7});
        if (t == 0 && i % 100 == 0) clock_.Advance(seconds(1));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  stop = true;
  scraper.join();
  const Exposition text = Scrape();
  double calls = 0;
  for (const auto& sample : text.samples()) {
    if (sample.name == "longbow_rpc_calls_total") calls += sample.value;
  }
  EXPECT_EQ(calls, 4 * kCalls);
  EXPECT_EQ(text.value("longbow_rpc_running", {{"method", "DoGet"}}), 0);
  EXPECT_EQ(text.value("longbow_rpc_waiting", {{"method", "DoGet"}}), 0);
  EXPECT_EQ(text.value("longbow_rpc_sent_bytes_total", {{"method", "DoGet"}}), 4 * kCalls * 7);
  EXPECT_EQ(text.value("longbow_rpc_duration_seconds_count", {{"method", "DoGet"}}), 4 * kCalls);
  EXPECT_TRUE(logger_.lines().empty());
}

TEST(RecentCallsTest, ForgetsWhatIsOld) {
  const MonotonicTime start{seconds(1000)};
  RecentCalls calls(start);
  for (int second = 0; second < 300; ++second) {
    for (int i = 0; i < 20; ++i) calls.Add(start + seconds(second), second < 200 ? 1.0 : 0.001);
  }
  RecentCalls::Summary now = calls.Summarize(start + seconds(300));
  EXPECT_NEAR(now.per_second, 20, 0.1);
  EXPECT_NEAR(now.p99_ms, 1, 0.25);
  now = calls.Summarize(start + seconds(340));
  EXPECT_EQ(now.per_second, 0);
  EXPECT_NEAR(now.p50_ms, 1, 0.25);
  now = calls.Summarize(start + seconds(400));
  EXPECT_EQ(now.p50_ms, 0);
  EXPECT_EQ(now.p99_ms, 0);
}

TEST(RecentCallsTest, AYoungNodeHasARate) {
  const MonotonicTime start{seconds(1000)};
  RecentCalls calls(start);
  for (int i = 0; i < 50; ++i) calls.Add(start, 0.001);
  EXPECT_EQ(calls.Summarize(start).per_second, 50);
  EXPECT_EQ(calls.Summarize(start + seconds(5)).per_second, 10);
}

TEST(RecentCallsTest, AClockThatStepsBackIsHarmless) {
  const MonotonicTime start{seconds(1000)};
  RecentCalls calls(start);
  calls.Add(start + seconds(600), 0.001);
  calls.Add(start - seconds(600), 0.001);
  calls.Add(start, 0.001);
  EXPECT_NEAR(calls.Summarize(start + seconds(600)).p50_ms, 1, 0.25);
  EXPECT_GE(calls.Summarize(start - seconds(600)).per_second, 0);
}

TEST(RecentCallsTest, QuantilesAreNearForEveryDuration) {
  const MonotonicTime start{seconds(1000)};
  for (double duration_sec = 2e-6; duration_sec < 3000; duration_sec *= 1.3) {
    RecentCalls calls(start);
    calls.Add(start, duration_sec);
    const RecentCalls::Summary now = calls.Summarize(start);
    EXPECT_NEAR(now.p50_ms, duration_sec * 1e3, duration_sec * 1e3 * 0.25 + 0.001);
  }
  for (double nonsense : {-1.0, 0.0, std::nan(""), 1e300, HUGE_VAL}) {
    RecentCalls calls(start);
    calls.Add(start, nonsense);
    EXPECT_GE(calls.Summarize(start).p99_ms, 0);
  }
}

}  // namespace
}  // namespace longbow::telemetry
