#include "server/core_dumps.h"

#include <fstream>
#include <string>

#include <sys/resource.h>

#include <gtest/gtest.h>

namespace longbow::server {
namespace {

TEST(CoreDumpsTest, LeavesNothingToDump) {
  const arrow::Status forbidden = ForbidCoreDumps();
  ASSERT_TRUE(forbidden.ok()) << forbidden;
  struct rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
  EXPECT_LE(limit.rlim_cur, 1u);
  EXPECT_EQ(limit.rlim_max, limit.rlim_cur) << "nobody can raise it again";
  std::string filter;
  std::ifstream("/proc/self/coredump_filter") >> filter;
  EXPECT_EQ(filter, "00000000");
  EXPECT_TRUE(ForbidCoreDumps().ok()) << "it can be said twice";
}

}  // namespace
}  // namespace longbow::server
