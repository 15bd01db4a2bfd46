#include "base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow {
namespace {

TEST(Utf8, KnowsWhatIsWellFormed) {
  for (const char* text : {"", "abc", "\xC3\xA4", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
  EXPECT_TRUE(IsValidUtf8(std::string_view("\0", 1)));
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE2\x82", "\xE0\x80\x80",
                           "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xFF", "\xC3\x28", "a\xE2\x28\xA1"}) {
    EXPECT_FALSE(IsValidUtf8(text)) << text;
  }
}

TEST(Utf8, CutsAtBorders) {
  std::string text = "a\xC3\xA4\xF0\x9F\x98\x80z";
  EXPECT_EQ(CutToBytes(text, 8), text);
  EXPECT_EQ(CutToBytes(text, 7), "a\xC3\xA4\xF0\x9F\x98\x80");
  EXPECT_EQ(CutToBytes(text, 6), "a\xC3\xA4");
  EXPECT_EQ(CutToBytes(text, 3), "a\xC3\xA4");
  EXPECT_EQ(CutToBytes(text, 2), "a");
  EXPECT_EQ(CutToBytes(text, 0), "");
  EXPECT_EQ(CutToCharacters(text, 9), text);
  EXPECT_EQ(CutToCharacters(text, 3), "a\xC3\xA4\xF0\x9F\x98\x80");
  EXPECT_EQ(CutToCharacters(text, 1), "a");
  EXPECT_EQ(CutToCharacters(text, 0), "");
  EXPECT_LE(CutToBytes(std::string(10, '\x80'), 5).size(), 5u);
}

TEST(Utf8, ReplacesWhatIsIllFormed) {
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFF\xC3\xA4\xC3"), "a\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD");
  EXPECT_TRUE(IsValidUtf8(ReplaceInvalidUtf8("\xED\xA0\x80\xF4\x90\x80\x80")));
}

}  // namespace
}  // namespace longbow
