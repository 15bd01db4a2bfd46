#include "server/memory_trimmer.h"

#include <gtest/gtest.h>

namespace longbow::server {
namespace {

TEST(MemoryTrimmerTest, GivesBackWhenIdle) {
  int given_back = 0;
  MemoryTrimmer trimmer([] { return MemoryTrimmer::Activity{}; }, [&] { ++given_back; });
  trimmer.Run();
  trimmer.Run();
  EXPECT_EQ(given_back, 2);
}

TEST(MemoryTrimmerTest, WaitsForTheEndOfCallsButNotForEver) {
  int given_back = 0;
  MemoryTrimmer::Activity activity{.open_calls = 1, .calls_begun = 1};
  MemoryTrimmer trimmer([&] { return activity; }, [&] { ++given_back; });
  for (int i = 0; i < MemoryTrimmer::kMostSkipped; ++i) trimmer.Run();
  EXPECT_EQ(given_back, 0);
  trimmer.Run();
  EXPECT_EQ(given_back, 1);
  trimmer.Run();
  EXPECT_EQ(given_back, 1);
  activity.open_calls = 0;
  trimmer.Run();
  EXPECT_EQ(given_back, 2);
}

TEST(MemoryTrimmerTest, CallsBetweenTwoRoundsCount) {
  int given_back = 0;
  MemoryTrimmer::Activity activity;
  MemoryTrimmer trimmer([&] { return activity; }, [&] { ++given_back; });
  activity.calls_begun = 5;
  trimmer.Run();
  EXPECT_EQ(given_back, 0);
  trimmer.Run();
  EXPECT_EQ(given_back, 1);
}

}  // namespace
}  // namespace longbow::server
