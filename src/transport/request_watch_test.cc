#include "transport/request_watch.h"

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>

namespace longbow::transport {
namespace {

using std::chrono::seconds;

/// Runs what is due when it is told to.
class FakeTimer final : public Timer {
 public:
  int64_t Schedule(MonotonicTime when, std::function<void()> callback) override {
    callbacks_.emplace(when, std::move(callback));
    return 0;
  }
  bool Cancel(int64_t) override { return false; }

  size_t size() const { return callbacks_.size(); }
  void RunDue(MonotonicTime now) {
    while (!callbacks_.empty() && callbacks_.begin()->first <= now) {
      callbacks_.extract(callbacks_.begin()).mapped()();
    }
  }

 private:
  std::multimap<MonotonicTime, std::function<void()>> callbacks_;
};

struct Waiter final : RequestWatch::Waiter {
  void OnRequestOverdue() override { ++told; }
  int told = 0;
};

class RequestWatchTest : public ::testing::Test {
 protected:
  void Pass(seconds time) {
    clock_.Advance(time);
    timer_.RunDue(clock_.Now());
  }

  ::longbow::testing::FakeClock clock_;
  FakeTimer timer_;
  RequestWatch watch_{seconds(10), &clock_, &timer_};
};

TEST_F(RequestWatchTest, TellsWhoWaitsForTooLong) {
  Waiter first;
  Waiter second;
  watch_.Begin(&first);
  Pass(seconds(4));
  watch_.Begin(&second);
  Pass(seconds(5));
  EXPECT_EQ(first.told, 0);
  Pass(seconds(1));
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 0);
  Pass(seconds(4));
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 1);
  EXPECT_FALSE(watch_.End(&first));
}

TEST_F(RequestWatchTest, ForgetsWhoHasItsMessage) {
  Waiter waiter;
  watch_.Begin(&waiter);
  EXPECT_TRUE(watch_.End(&waiter));
  EXPECT_FALSE(watch_.End(&waiter));
  Pass(seconds(20));
  EXPECT_EQ(waiter.told, 0);
}

TEST_F(RequestWatchTest, HasOneTimerForAll) {
  std::vector<Waiter> waiters(100);
  for (Waiter& waiter : waiters) watch_.Begin(&waiter);
  EXPECT_EQ(timer_.size(), 1);
  Pass(seconds(10));
  for (const Waiter& waiter : waiters) EXPECT_EQ(waiter.told, 1);
  EXPECT_EQ(timer_.size(), 0);
  Waiter later;
  watch_.Begin(&later);
  EXPECT_EQ(timer_.size(), 1);
}

}  // namespace
}  // namespace longbow::transport
