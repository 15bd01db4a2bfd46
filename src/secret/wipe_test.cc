#include "secret/wipe.h"

#include <string>

#include <gtest/gtest.h>

#include "secret/backoff.h"
#include "secret/waiter.h"

namespace longbow::secret {
namespace {

using std::chrono::milliseconds;

TEST(Wipe, OverwritesAllThatWasAllocated) {
  std::string text(100, 's');
  text.resize(10);  // the rest stays behind the end
  const char* bytes = text.data();
  const size_t capacity = text.capacity();
  Wipe(&text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), bytes);
  text.resize(capacity, 'x');
  Wipe(&text);
  for (size_t i = 0; i < text.capacity(); ++i) EXPECT_EQ(bytes[i], '\0');
}

TEST(Backoff, DoublesUpToItsLimitAndIsSpread) {
  FakeRandom random;
  const BackoffLimits limits{milliseconds(100), milliseconds(2000)};
  for (int failures : {1, 2, 3, 5, 6, 40, 1000000}) {
    const milliseconds most = failures >= 6 ? limits.max : limits.first * (1 << (failures - 1));
    milliseconds least_seen = most;
    milliseconds most_seen{0};
    for (int i = 0; i < 200; ++i) {
      const milliseconds wait = Backoff(limits, failures, &random);
      EXPECT_GE(wait, most / 2);
      EXPECT_LE(wait, most);
      least_seen = std::min(least_seen, wait);
      most_seen = std::max(most_seen, wait);
    }
    EXPECT_LT(least_seen, most_seen) << failures;
  }
}

TEST(InterruptibleWaiter, DoesNotWaitOnceInterrupted) {
  InterruptibleWaiter waiter;
  EXPECT_TRUE(waiter.Wait(milliseconds(1)));
  waiter.Interrupt();
  EXPECT_FALSE(waiter.Wait(std::chrono::hours(1)));
}

}  // namespace
}  // namespace longbow::secret
