#include "server/housekeeper.h"

#include <future>

#include <gtest/gtest.h>

namespace longbow::server {
namespace {

TEST(HousekeeperTest, RunsEachJobAgainAndAgain) {
  std::promise<void> fast_done, slow_done;
  int fast = 0, slow = 0;
  {
    Housekeeper housekeeper({{std::chrono::milliseconds(1),
                              [&] {
                                if (++fast == 5) fast_done.set_value();
                              }},
                             {std::chrono::milliseconds(3), [&] {
                                if (++slow == 2) slow_done.set_value();
                              }}});
    EXPECT_EQ(fast_done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
    EXPECT_EQ(slow_done.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  }
}

TEST(HousekeeperTest, EndsWithoutWaitingForAnInterval) {
  Housekeeper housekeeper({{std::chrono::hours(24), [] { FAIL(); }}});
  Housekeeper idle({});
}

}  // namespace
}  // namespace longbow::server
