#include "access/identity.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow::access {
namespace {

TEST(Identity, PlainTextCanBeShown) {
  for (const char* good :
       {"a", "team-a", "CN=x, O=y", "gr\xc3\xbc\xc3\x9f e", "\xe2\x82\xac", "*"}) {
    EXPECT_TRUE(IsPlainText(good, 16)) << good;
  }
  EXPECT_TRUE(IsPlainText(std::string(16, 'a'), 16));
  EXPECT_TRUE(IsPlainText("\xc2\xa0", 16));
}

TEST(Identity, OtherTextIsNot) {
  const std::string_view table[] = {"",
                                    "a\n",
                                    "\x1f",
                                    "\x7f",
                                    "\xc2\x80",
                                    "\xc2\x9f",
                                    "\xc2\x85x",
                                    "\xff",
                                    "\xc3",
                                    "\xed\xa0\x80",
                                    std::string_view("a\0b", 3),
                                    "12345678901234567"};
  for (std::string_view bad : table) EXPECT_FALSE(IsPlainText(bad, 16)) << bad;
}

}  // namespace
}  // namespace longbow::access
