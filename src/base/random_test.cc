#include "base/random.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace longbow {
namespace {

TEST(Random, IdsAre128BitsInHex) {
  SystemRandom random;
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    std::string id = random.NextId();
    EXPECT_EQ(id.size(), 32u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(Random, FakesRepeatThemselves) {
  FakeRandom a(7), b(7), c(8);
  std::string first = a.NextId();
  EXPECT_EQ(first, b.NextId());
  EXPECT_NE(first, c.NextId());
  EXPECT_NE(first, a.NextId());
}

}  // namespace
}  // namespace longbow
