#include "telemetry/span_console_exporter.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <longbow/testing/fake_clock.h>

namespace longbow::telemetry {
namespace {

using std::chrono::seconds;

class ConsoleExporterTest : public ::testing::Test {
 protected:
  ConsoleExporterTest() {
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    exporter_ = MakeConsoleExporter({.fd = ends_[1], .service_name = "me"}, &clock_);
  }
  ~ConsoleExporterTest() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  static SpanBatch Spans(int count) {
    SpanBatch batch;
    for (int i = 0; i < count; ++i) {
      auto span = std::make_unique<SpanData>();
      span->context.trace_id.fill(0x1a);
      span->context.span_id.fill(0x2b);
      span->name = "line\nbreak \xff";
      span->start = WallTime(seconds(5));
      span->end = WallTime(seconds(6));
      span->attributes = {{"n", int64_t{7}}, {"text", std::string("\"x\"")}, {"yes", true}};
      span->events = {{"half", WallTime(seconds(5))}};
      batch.push_back(std::move(span));
    }
    return batch;
  }
  std::string Read() {
    std::string text(1 << 16, '\0');
    const ssize_t size = read(ends_[0], text.data(), text.size());
    text.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return text;
  }

  testing::FakeClock clock_;
  int ends_[2] = {-1, -1};
  std::unique_ptr<SpanExporter> exporter_;
};

TEST_F(ConsoleExporterTest, OneJsonLineForEachSpan) {
  SpanBatch batch = Spans(2);
  batch[1]->parent_span_id.fill(0x3c);
  batch[1]->failed = true;
  batch[1]->error = "why";
  ASSERT_TRUE(exporter_->Export(batch, clock_.Now() + seconds(10)).ok());
  const std::string text = Read();
  const size_t end = text.find('\n');
  ASSERT_NE(end, std::string::npos);
  ASSERT_EQ(text.find('\n', end + 1), text.size() - 1);
  const auto first = nlohmann::json::parse(text.substr(0, end));
  EXPECT_EQ(first["name"], "line\nbreak \xef\xbf\xbd");
  EXPECT_EQ(first["kind"], "internal");
  EXPECT_EQ(first["service"], "me");
  EXPECT_EQ(first["traceId"], "1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a");
  EXPECT_EQ(first["spanId"], "2b2b2b2b2b2b2b2b");
  EXPECT_EQ(first["startTimeUnixNano"], "5000000000");
  EXPECT_EQ(first["attributes"], nlohmann::json({{"n", 7}, {"text", "\"x\""}, {"yes", true}}));
  EXPECT_EQ(first["events"][0]["name"], "half");
  EXPECT_FALSE(first.contains("parentSpanId"));
  EXPECT_FALSE(first.contains("error"));
  const auto second = nlohmann::json::parse(text.substr(end + 1));
  EXPECT_EQ(second["parentSpanId"], "3c3c3c3c3c3c3c3c");
  EXPECT_EQ(second["error"], "why");
}

TEST_F(ConsoleExporterTest, AReaderThatDoesNotReadCostsTheDeadlineOnly) {
  const MonotonicTime now = clock_.Now();
  SpanBatch batch = Spans(100);
  for (auto& span : batch) span->error = std::string(10'000, 'x');
  for (auto& span : batch) span->failed = true;
  EXPECT_FALSE(exporter_->Export(batch, now).ok());  // more than a pipe holds
  const std::string text = Read();
  ASSERT_FALSE(text.ends_with('\n'));
  // What broke off is ended before the next line.
  EXPECT_TRUE(exporter_->Export(Spans(1), now).ok());
  const std::string rest = Read();
  ASSERT_TRUE(rest.starts_with('\n'));
  EXPECT_EQ(nlohmann::json::parse(rest)["service"], "me");
}

TEST_F(ConsoleExporterTest, CancelEndsAWait) {
  std::thread ends([this] { exporter_->Cancel(); });
  // The fake clock stands still: without `Cancel` this would wait for ever.
  EXPECT_FALSE(exporter_->Export(Spans(1000), clock_.Now() + seconds(10)).ok());
  ends.join();
}

TEST_F(ConsoleExporterTest, ADescriptorThatIsNone) {
  auto broken = MakeConsoleExporter({.fd = -1, .service_name = ""}, &clock_);
  EXPECT_FALSE(broken->Export(Spans(1), clock_.Now()).ok());
}

}  // namespace
}  // namespace longbow::telemetry
