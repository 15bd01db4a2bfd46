#include "telemetry/log_repeats.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>

namespace longbow::telemetry {
namespace {

using std::chrono::seconds;

class LogRepeatsTest : public ::testing::Test {
 protected:
  bool Admit(std::string_view component, LogLevel level, std::string_view message) {
    return repeats_.Admit(component, level, message, clock_.Now(), &ended_);
  }
  // How many of `lines` equal lines go out.
  int Admitted(int lines, std::string_view message) {
    int admitted = 0;
    for (int i = 0; i < lines; ++i) admitted += Admit("c", LogLevel::kError, message) ? 1 : 0;
    return admitted;
  }

  testing::FakeClock clock_;
  LogRepeats repeats_{3, seconds(10)};
  std::vector<RepeatedLine> ended_;
};

TEST_F(LogRepeatsTest, ComponentLevelAndMessageMakeALine) {
  EXPECT_EQ(Admitted(5, "m"), 3);
  EXPECT_FALSE(Admit("c", LogLevel::kError, "m"));
  EXPECT_TRUE(Admit("d", LogLevel::kError, "m"));
  EXPECT_TRUE(Admit("c", LogLevel::kWarning, "m"));
  EXPECT_TRUE(Admit("c", LogLevel::kError, "n"));
}

TEST_F(LogRepeatsTest, ALineCountsAsUsualWhenItsWindowIsOver) {
  EXPECT_EQ(Admitted(5, "m"), 3);
  clock_.Advance(seconds(9));
  EXPECT_FALSE(repeats_.MayHaveEnded(clock_.Now()));
  EXPECT_TRUE(repeats_.TakeEnded(clock_.Now()).empty());
  clock_.Advance(seconds(1));
  EXPECT_TRUE(repeats_.MayHaveEnded(clock_.Now()));
  EXPECT_EQ(Admitted(5, "m"), 3);
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].component, "c");
  EXPECT_EQ(ended_[0].level, LogLevel::kError);
  EXPECT_EQ(ended_[0].message, "m");
  EXPECT_EQ(ended_[0].count, 2);
}

TEST_F(LogRepeatsTest, OnlyWhatWasLeftOutIsTold) {
  EXPECT_EQ(Admitted(3, "m"), 3);
  EXPECT_EQ(Admitted(4, "n"), 3);
  clock_.Advance(seconds(10));
  const auto ended = repeats_.TakeEnded(clock_.Now());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].message, "n");
  EXPECT_TRUE(repeats_.empty());
}

TEST_F(LogRepeatsTest, TheOldestMakesRoom) {
  EXPECT_EQ(Admitted(5, "first"), 3);
  for (size_t i = 1; i < LogRepeats::kMaxMessages; ++i) Admitted(1, std::to_string(i));
  EXPECT_TRUE(ended_.empty());
  EXPECT_EQ(Admitted(1, "one more"), 1);
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].message, "first");
  EXPECT_EQ(ended_[0].count, 2);
  EXPECT_EQ(Admitted(1, "first"), 1);
  EXPECT_TRUE(repeats_.TakeAll().empty());
  EXPECT_TRUE(repeats_.empty());
}

TEST_F(LogRepeatsTest, TheBeginningOfALongMessageCounts) {
  const std::string long_message(LogRepeats::kMaxMessageBytes, 'x');
  EXPECT_EQ(Admitted(3, long_message + "1"), 3);
  EXPECT_EQ(Admitted(3, long_message + "2"), 0);
  EXPECT_EQ(repeats_.TakeAll().at(0).message, long_message);
}

}  // namespace
}  // namespace longbow::telemetry
