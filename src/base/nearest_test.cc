#include "base/nearest.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace longbow {
namespace {

TEST(Nearest, FindsWhatWasMeant) {
  std::vector<std::string> known = {"query", "parameters", "inputs", "ifExists", "sql", "limit"};
  EXPECT_EQ(NearestName("quer", known), "query");
  EXPECT_EQ(NearestName("qeury", known), "query");
  EXPECT_EQ(NearestName("QUERY", known), "query");
  EXPECT_EQ(NearestName("if_exists", known), "ifExists");
  EXPECT_EQ(NearestName("params", known), "");
  EXPECT_EQ(NearestName("sqk", known), "sql");
  EXPECT_EQ(NearestName("input", known), "inputs");
  EXPECT_EQ(NearestName("", known), "");
  EXPECT_EQ(NearestName("zzz", known), "");
  EXPECT_EQ(NearestName(std::string(100000, 'q'), known), "");
  EXPECT_EQ(NearestName("x", {"y"}), "");
}

}  // namespace
}  // namespace longbow
