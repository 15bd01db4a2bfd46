#include "telemetry/task_metrics.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

#include "telemetry/metrics_exposition.h"
#include "telemetry/metrics_registry.h"

namespace longbow::telemetry {
namespace {

class TaskMetricsTest : public ::testing::Test {
 protected:
  Exposition Scrape() const { return Exposition(registry_->Scrape()); }

  longbow::testing::RecordingLogger logger_;
  std::unique_ptr<MetricsRegistry> registry_ = MetricsRegistry::Make(&logger_);
  std::unique_ptr<TaskMetrics> tasks_ = std::make_unique<TaskMetrics>(registry_.get());
};

TEST_F(TaskMetricsTest, FollowsTasks) {
  tasks_->Register({"sql", "connector"});
  const MetricLabels sql = {{"service", "sql"}};
  for (int i = 0; i < 5; ++i) tasks_->Queued("sql");
  for (int i = 0; i < 4; ++i) tasks_->Started("sql", 0.25);
  EXPECT_EQ(Scrape().value("longbow_tasks_queued", sql), 1);
  EXPECT_EQ(Scrape().value("longbow_tasks_running", sql), 4);
  tasks_->Ended("sql", TaskOutcome::kCompleted, 1.5, 1.75);
  tasks_->Ended("sql", TaskOutcome::kFailed, 0.5, 0.75);
  tasks_->Ended("sql", TaskOutcome::kExpired, 0.5, 0.75);
  tasks_->Ended("sql", TaskOutcome::kCancelled, std::nullopt, 0.5);  // the one that still waited
  const Exposition text = Scrape();
  EXPECT_EQ(text.value("longbow_tasks_queued", sql), 0);
  EXPECT_EQ(text.value("longbow_tasks_running", sql), 1);
  EXPECT_EQ(text.value("longbow_task_wait_seconds_count", sql), 4);
  EXPECT_EQ(text.value("longbow_task_wait_seconds_sum", sql), 1);
  EXPECT_EQ(text.value("longbow_task_run_seconds_count", sql), 3);
  EXPECT_EQ(text.value("longbow_task_run_seconds_sum", sql), 2.5);
  EXPECT_EQ(text.value("longbow_task_duration_seconds_count", sql), 4);
  EXPECT_EQ(text.value("longbow_task_duration_seconds_sum", sql), 3.75);
  for (const char* outcome : {"completed", "failed", "expired", "cancelled"}) {
    const MetricLabels labels = {{"service", "sql"}, {"outcome", outcome}};
    EXPECT_EQ(text.value("longbow_tasks_total", labels), 1) << outcome;
  }
  EXPECT_EQ(text.value("longbow_tasks_queued", {{"service", "connector"}}), 0);
  EXPECT_TRUE(logger_.lines().empty());
}

TEST_F(TaskMetricsTest, CallersMakeNoSeries) {
  tasks_->Register({"sql", "other"});
  const size_t before = Scrape().samples().size();
  for (int i = 0; i < 1000; ++i) {
    const std::string service = "made-up-" + std::to_string(i);
    tasks_->Queued(service);
    tasks_->Started(service, 0);
    tasks_->Ended(service, TaskOutcome::kCompleted, 0, 0);
  }
  tasks_->Queued("other");
  tasks_->Queued("");
  EXPECT_EQ(Scrape().samples().size(), before);
  EXPECT_EQ(Scrape().value("longbow_tasks_total", {{"service", "other"}, {"outcome", "completed"}}),
            1000);
  EXPECT_EQ(Scrape().value("longbow_tasks_queued", {{"service", "other"}}), 2);
}

TEST_F(TaskMetricsTest, SoManyServicesHaveSeries) {
  std::vector<std::string> services;
  for (size_t i = 0; i < kMaxMeasuredServices + 10; ++i) services.push_back(std::to_string(i));
  tasks_->Register(services);
  tasks_->Register(services);
  tasks_->Queued(services.back());
  const Exposition text = Scrape();
  EXPECT_EQ(text.value("longbow_tasks_queued", {{"service", "other"}}), 1);
  size_t series = 0;
  for (const auto& sample : text.samples()) series += sample.name == "longbow_tasks_queued";
  EXPECT_EQ(series, kMaxMeasuredServices + 1);
  EXPECT_TRUE(logger_.lines().empty());
}

TEST_F(TaskMetricsTest, CountsFromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string service = "s" + std::to_string(t % 2);
      tasks_->Register({service});
      for (int i = 0; i < 500; ++i) {
        tasks_->Queued(service);
        tasks_->Started(service, 0.001);
        tasks_->Ended(service, TaskOutcome::kCompleted, 0.001, 0.002);
        if (i % 100 == 0) Scrape();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* service : {"s0", "s1"}) {
    const MetricLabels labels = {{"service", service}, {"outcome", "completed"}};
    EXPECT_EQ(Scrape().value("longbow_tasks_total", labels), 1000);
    EXPECT_EQ(Scrape().value("longbow_tasks_running", {{"service", service}}), 0);
  }
}

}  // namespace
}  // namespace longbow::telemetry
