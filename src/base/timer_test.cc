#include "base/timer.h"

#include <atomic>
#include <future>
#include <memory>

#include <gtest/gtest.h>

namespace longbow {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Timer, RunsWhatIsDueInOrder) {
  SystemClock clock;
  auto timer = Timer::Make(&clock);
  std::promise<int> first;
  std::promise<int> second;
  std::atomic<int> order{0};
  const auto now = clock.Now();
  timer->Schedule(now + milliseconds(2), [&] { second.set_value(order++); });
  timer->Schedule(now + milliseconds(1), [&] { first.set_value(order++); });
  auto first_order = first.get_future();
  auto second_order = second.get_future();
  ASSERT_EQ(first_order.wait_for(seconds(30)), std::future_status::ready);
  ASSERT_EQ(second_order.wait_for(seconds(30)), std::future_status::ready);
  EXPECT_LT(first_order.get(), second_order.get());
}

TEST(Timer, CancelsOnce) {
  SystemClock clock;
  auto timer = Timer::Make(&clock);
  const int64_t id = timer->Schedule(clock.Now() + hours(1), [] { FAIL(); });
  EXPECT_TRUE(timer->Cancel(id));
  EXPECT_FALSE(timer->Cancel(id));
}

TEST(Timer, WhatIsNextMayBeCancelledWhileItIsAwaited) {
  SystemClock clock;
  auto timer = Timer::Make(&clock);
  for (int round = 0; round < 20; ++round) {
    std::promise<void> awaits_next;
    std::promise<void> done;
    const auto now = clock.Now();
    const int64_t next = timer->Schedule(now + milliseconds(3), [] {});
    timer->Schedule(now, [&] { awaits_next.set_value(); });
    timer->Schedule(now + milliseconds(4), [&] { done.set_value(); });
    awaits_next.get_future().wait();
    timer->Cancel(next);  // a slow machine may be too late for it
    ASSERT_EQ(done.get_future().wait_for(seconds(30)), std::future_status::ready);
  }
}

TEST(Timer, DropsWhatIsLeftAtItsEnd) {
  SystemClock clock;
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watched = held;
  {
    auto timer = Timer::Make(&clock);
    timer->Schedule(clock.Now() + hours(1), [held = std::move(held)] { FAIL() << *held; });
  }
  EXPECT_TRUE(watched.expired());
}

TEST(Timer, MayBeDestroyedByACallback) {
  SystemClock clock;
  auto timer = std::make_shared<std::unique_ptr<Timer>>(Timer::Make(&clock));
  std::promise<void> done;
  (*timer)->Schedule(clock.Now(), [timer, &done] {
    timer->reset();
    done.set_value();
  });
  EXPECT_EQ(done.get_future().wait_for(seconds(30)), std::future_status::ready);
}

}  // namespace
}  // namespace longbow
