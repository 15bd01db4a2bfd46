#include "http/request_target.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow::http {
namespace {

TEST(RequestTargetTest, PathAndQueryAreDecoded) {
  const auto target = ParseRequestTarget("/a%2Fb+c?x=1%202&y=a+b&&flag&x=later&=no&%3d=%26");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b+c");
  const std::map<std::string, std::string> expected = {
      {"", "no"}, {"=", "&"}, {"flag", ""}, {"x", "1 2"}, {"y", "a b"}};
  EXPECT_EQ(target->query, expected);
}

TEST(RequestTargetTest, AZeroByteEndsNothing) {
  const auto target = ParseRequestTarget("/live%00.html?a=%00b");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, std::string("/live\0.html", 11));
  EXPECT_EQ(target->query.at("a"), std::string("\0b", 2));
}

TEST(RequestTargetTest, WhatIsNoTargetIsRefused) {
  for (const char* raw : {"", "live", "*", "http://host/live", "/%", "/%4", "/%zz", "/a?b=%g0",
                          "/a?%4", "/%-1", "/% 1"}) {
    EXPECT_FALSE(ParseRequestTarget(raw)) << raw;
  }
}

}  // namespace
}  // namespace longbow::http
