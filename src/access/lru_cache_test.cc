#include "access/lru_cache.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow::access {
namespace {

TEST(LruCache, ForgetsTheOneNotAskedForLongest) {
  LruCache<std::string, int> cache(2);
  cache.Put("a", 1);
  cache.Put("b", 2);
  ASSERT_NE(cache.Find("a"), nullptr);
  cache.Put("c", 3);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_EQ(*cache.Find("a"), 1);
  EXPECT_EQ(*cache.Find("c"), 3);
}

TEST(LruCache, KeepsOneOfEachKey) {
  LruCache<std::string, int> cache(2);
  cache.Put("a", 1);
  cache.Put("a", 2);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(*cache.Find("a"), 2);
  cache.Erase("a");
  cache.Erase("never there");
  EXPECT_EQ(cache.Find("a"), nullptr);
  cache.Put("a", 3);
  cache.Put("b", 4);
  cache.Clear();
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.Find("b"), nullptr);
  cache.Put("b", 5);
  EXPECT_EQ(*cache.Find("b"), 5);
}

}  // namespace
}  // namespace longbow::access
