#include "server/memory_trimmer.h"

#include <gtest/gtest.h>

namespace longbow::server {
namespace {

TEST(MemoryTrimmerTest, GivesBackWhenIdle) {
  int given_back = 0;
  MemoryTrimmer trimmer([] { return 0; }, [&] { ++given_back; });
  trimmer.Run();
  trimmer.Run();
  EXPECT_EQ(given_back, 2);
}

TEST(MemoryTrimmerTest, WaitsForTheEndOfCallsButNotForEver) {
  int given_back = 0;
  int64_t open_calls = 1;
  MemoryTrimmer trimmer([&] { return open_calls; }, [&] { ++given_back; });
  for (int i = 0; i < MemoryTrimmer::kMostSkipped; ++i) trimmer.Run();
  EXPECT_EQ(given_back, 0);
  trimmer.Run();
  EXPECT_EQ(given_back, 1);
  trimmer.Run();
  EXPECT_EQ(given_back, 1);
  open_calls = 0;
  trimmer.Run();
  EXPECT_EQ(given_back, 2);
}

}  // namespace
}  // namespace longbow::server
