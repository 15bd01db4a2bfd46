#include "flight/client_watch.h"

#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>

#include "flight/manual_timer.h"

namespace longbow::flight {
namespace {

using std::chrono::seconds;

class ClientWatchTest : public ::testing::Test {
 protected:
  void Pass(seconds time) {
    clock_.Advance(time);
    timer_.RunDue(clock_.Now());
  }

  testing::FakeClock clock_;
  ManualTimer timer_;
  int overdue_ = 0;
  std::shared_ptr<ClientWatch> watch_ = ClientWatch::Make(
      {.limit = seconds(10), .clock = &clock_, .timer = &timer_, .on_overdue = [this] {
         ++overdue_;
       }});
};

TEST_F(ClientWatchTest, AWaitThatIsTooLongIsTold) {
  watch_->Begin();
  Pass(seconds(9));
  EXPECT_EQ(overdue_, 0);
  Pass(seconds(1));
  EXPECT_EQ(overdue_, 1);
  EXPECT_FALSE(watch_->End());
  EXPECT_EQ(overdue_, 2) << "the timer's thread may not have got to it yet";
  watch_->Begin();
  Pass(seconds(20));
  EXPECT_EQ(overdue_, 2) << "the timer tells once";
  EXPECT_FALSE(watch_->End());
}

TEST_F(ClientWatchTest, AWaitBeginsAnewWhenTheClientDoesSomethingElse) {
  watch_->Restart();
  Pass(seconds(20));
  EXPECT_EQ(overdue_, 0) << "there is no wait";
  watch_->Begin();
  for (int i = 0; i < 5; ++i) {
    Pass(seconds(9));
    watch_->Restart();
  }
  EXPECT_EQ(overdue_, 0);
  Pass(seconds(10));
  EXPECT_EQ(overdue_, 1);
}

TEST_F(ClientWatchTest, EachWaitCountsForItself) {
  for (int i = 0; i < 10; ++i) {
    watch_->Begin();
    Pass(seconds(9));
    EXPECT_TRUE(watch_->End());
    EXPECT_LE(timer_.size(), 1u);
  }
  EXPECT_EQ(overdue_, 0);
  watch_->Begin();
  Pass(seconds(9));
  EXPECT_EQ(overdue_, 0);
  Pass(seconds(1));
  EXPECT_EQ(overdue_, 1);
}

TEST_F(ClientWatchTest, WhatTheNodeTakesDoesNotCount) {
  watch_->Begin();
  EXPECT_TRUE(watch_->End());
  Pass(seconds(100));
  EXPECT_EQ(overdue_, 0);
  EXPECT_EQ(timer_.size(), 0u);
  watch_->Begin();
  Pass(seconds(9));
  EXPECT_TRUE(watch_->End());
  EXPECT_EQ(overdue_, 0);
}

TEST_F(ClientWatchTest, LeavesNoTimerBehind) {
  watch_->Begin();
  EXPECT_EQ(timer_.size(), 1u);
  watch_.reset();
  EXPECT_EQ(timer_.size(), 0u);
}

}  // namespace
}  // namespace longbow::flight
