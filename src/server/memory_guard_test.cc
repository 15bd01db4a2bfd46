#include "server/memory_guard.h"

#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::server {
namespace {

class MemoryGuardTest : public ::testing::Test {
 protected:
  MemoryGuardParts Parts() {
    MemoryGuardParts parts;
    parts.used_bytes = [this] { return used_; };
    parts.set_full = [this](bool full) { full_ = full; };
    parts.drop_results = [this](int64_t bytes) {
      asked_to_drop_ = bytes;
      return droppable_;
    };
    parts.give_back = [this] {
      ++given_back_;
      used_ -= freed_;
      freed_ = 0;
    };
    parts.clock = &clock_;
    parts.logger = &logger_;
    return parts;
  }

  testing::FakeClock clock_;
  testing::RecordingLogger logger_;
  int64_t used_ = 0;
  int64_t freed_ = 0;  // of used_, what giving back gives back
  int64_t droppable_ = 0;
  int64_t asked_to_drop_ = 0;
  int given_back_ = 0;
  bool full_ = false;
};

TEST_F(MemoryGuardTest, RefusesNewWorkAboveTheHighMark) {
  MemoryGuard guard({.high_bytes = 1000, .critical_bytes = 2000}, Parts());
  used_ = 999;
  guard.Run();
  EXPECT_FALSE(full_);
  used_ = 1000;
  guard.Run();
  EXPECT_TRUE(full_);
  EXPECT_TRUE(guard.full());
  // It does not flicker.
  used_ = 960;
  guard.Run();
  EXPECT_TRUE(full_);
  used_ = 940;
  guard.Run();
  EXPECT_FALSE(full_);
  EXPECT_EQ(asked_to_drop_, 0);
  EXPECT_TRUE(logger_.Contains("short of memory"));
}

TEST_F(MemoryGuardTest, WhatIsOnlyFreedIsGivenBackFirst) {
  MemoryGuard guard({.high_bytes = 1000, .critical_bytes = 2000}, Parts());
  clock_.Advance(std::chrono::seconds(2));
  used_ = 1500;
  freed_ = 800;
  guard.Run();
  EXPECT_FALSE(full_);
  EXPECT_EQ(given_back_, 1);
  // Not more than once a second.
  used_ = 1500;
  guard.Run();
  EXPECT_TRUE(full_);
  EXPECT_EQ(given_back_, 1);
}

TEST_F(MemoryGuardTest, DropsResultsAboveTheCriticalMark) {
  MemoryGuard guard({.high_bytes = 1000, .critical_bytes = 2000}, Parts());
  used_ = 2300;
  droppable_ = 3;
  guard.Run();
  EXPECT_EQ(asked_to_drop_, 300);
  EXPECT_EQ(guard.dropped_total(), 3);
  EXPECT_TRUE(full_);
}

TEST_F(MemoryGuardTest, WhatWasDroppedIsGivenBackBeforeMoreIsDropped) {
  MemoryGuard guard({.high_bytes = 1000, .critical_bytes = 2000}, Parts());
  used_ = 2300;
  droppable_ = 1;
  guard.Run();
  EXPECT_EQ(guard.dropped_total(), 1);
  freed_ = 400;
  guard.Run();
  EXPECT_EQ(guard.dropped_total(), 1);
  EXPECT_EQ(used_, 1900);
}

TEST_F(MemoryGuardTest, WhileItRefusesWhatIsFreedIsGivenBack) {
  MemoryGuard guard({.high_bytes = 1000}, Parts());
  used_ = 1000;
  guard.Run();
  EXPECT_TRUE(full_);
  clock_.Advance(std::chrono::seconds(2));
  used_ = 990;
  freed_ = 500;
  guard.Run();
  EXPECT_FALSE(full_);
}

TEST_F(MemoryGuardTest, WithoutMarksNothingHappens) {
  MemoryGuard guard({}, Parts());
  used_ = int64_t{1} << 40;
  guard.Run();
  EXPECT_FALSE(full_);
  EXPECT_EQ(asked_to_drop_, 0);
}

TEST_F(MemoryGuardTest, TheMachineHasMemory) { EXPECT_GT(AvailableMemory(), int64_t{16} << 20); }

}  // namespace
}  // namespace longbow::server
