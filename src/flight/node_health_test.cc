#include "flight/node_health.h"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::flight {
namespace {

class NodeHealthTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  testing::RecordingLogger logger_;
  NodeHealth health_{&clock_, &logger_};
};

TEST_F(NodeHealthTest, IsReadyOnceItServes) {
  health_.AddModule("sql", "1");
  EXPECT_FALSE(health_.ready());
  EXPECT_EQ(health_.reason(), "the node is starting");
  health_.ModuleStarted("sql");
  health_.SetState(NodeState::kServing);
  EXPECT_TRUE(health_.ready());
  EXPECT_EQ(health_.reason(), "");
  health_.SetState(NodeState::kStopping);
  EXPECT_FALSE(health_.ready());
  EXPECT_EQ(health_.reason(), "the node is stopping");
}

TEST_F(NodeHealthTest, AModuleGoesDownAndRecovers) {
  HealthReporter& reporter = health_.AddModule("connector", "1");
  health_.ModuleStarted("connector");
  health_.SetState(NodeState::kServing);

  reporter.Report(HealthStatus::kDegraded, "one source is away");
  EXPECT_TRUE(health_.ready());
  EXPECT_EQ(health_.modules()[0].state, ModuleState::kDegraded);
  EXPECT_EQ(health_.modules()[0].reason, "one source is away");

  reporter.Report(HealthStatus::kDown, "no source answers");
  EXPECT_FALSE(health_.ready());
  EXPECT_EQ(health_.reason(), "the module connector is down: no source answers");

  reporter.Report(HealthStatus::kOk);
  EXPECT_TRUE(health_.ready());
  EXPECT_TRUE(logger_.Contains("no source answers"));
}

TEST_F(NodeHealthTest, WhatAModuleSaidBeforeItStartedCounts) {
  HealthReporter& reporter = health_.AddModule("connector", "1");
  reporter.Report(HealthStatus::kDown, "no password");
  health_.ModuleStarted("connector");
  health_.SetState(NodeState::kServing);
  EXPECT_FALSE(health_.ready());
}

TEST_F(NodeHealthTest, SinceIsTheTimeOfTheState) {
  HealthReporter& reporter = health_.AddModule("sql", "1");
  health_.ModuleStarted("sql");
  clock_.Advance(std::chrono::seconds(5));
  reporter.Report(HealthStatus::kDegraded, "slow");
  const WallTime slow = health_.modules()[0].since;
  clock_.Advance(std::chrono::seconds(5));
  reporter.Report(HealthStatus::kDegraded, "very slow");
  EXPECT_EQ(health_.modules()[0].since, slow);
  EXPECT_EQ(health_.modules()[0].reason, "very slow");
}

TEST_F(NodeHealthTest, TellsWhenReadinessChanges) {
  std::vector<bool> told;
  health_.SetReadyCallback([&](bool ready) { told.push_back(ready); });
  HealthReporter& reporter = health_.AddModule("sql", "1");
  health_.ModuleStarted("sql");
  health_.SetState(NodeState::kServing);
  reporter.Report(HealthStatus::kDegraded, "slow");
  reporter.Report(HealthStatus::kDown, "gone");
  reporter.Report(HealthStatus::kOk);
  health_.SetState(NodeState::kStopping);
  EXPECT_EQ(told, (std::vector<bool>{true, false, true, false}));
}

}  // namespace
}  // namespace longbow::flight
