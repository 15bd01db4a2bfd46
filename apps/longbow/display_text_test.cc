#include "display_text.h"

#include <gtest/gtest.h>

namespace longbow::client {
namespace {

TEST(DisplayWidthTest, CountsTerminalColumns) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("Zürich"), 6);
  EXPECT_EQ(DisplayWidth("東京"), 4);
  EXPECT_EQ(DisplayWidth("한국"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);     // e and a combining accent
  EXPECT_EQ(DisplayWidth("a\u200Bb"), 2);    // zero width space
  EXPECT_EQ(DisplayWidth("\U0001F600"), 2);  // an emoji
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2);    // no UTF-8
}

TEST(DecodeCharacterTest, RefusesWhatIsNoUtf8) {
  EXPECT_FALSE(DecodeCharacter("\xC0\x80").valid);          // overlong
  EXPECT_FALSE(DecodeCharacter("\xED\xA0\x80").valid);      // a surrogate
  EXPECT_FALSE(DecodeCharacter("\xF4\x90\x80\x80").valid);  // above U+10FFFF
  EXPECT_FALSE(DecodeCharacter("\xE2\x82").valid);          // cut off
  EXPECT_FALSE(DecodeCharacter("\x80").valid);
  EXPECT_EQ(DecodeCharacter("€x").character, U'€');
  EXPECT_EQ(DecodeCharacter("€x").bytes, 3U);
}

TEST(SafeForTerminalTest, WritesOutWhatSteersATerminal) {
  EXPECT_EQ(SafeForTerminal("plain ü 東"), "plain ü 東");
  EXPECT_EQ(SafeForTerminal("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m");
  EXPECT_EQ(SafeForTerminal("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(SafeForTerminal("\x7f"), "\\x7f");
  EXPECT_EQ(SafeForTerminal("\u009b31m"), "\\u009b31m");  // the one-byte form of ESC [
  EXPECT_EQ(SafeForTerminal("a\u202Eb"), "a\\u202eb");    // right-to-left override
  EXPECT_EQ(SafeForTerminal("\u2028"), "\\u2028");
  EXPECT_EQ(SafeForTerminal("a\xff"), "a\\xff");
  EXPECT_EQ(SafeForTerminal(std::string_view("\0x", 2)), "\\x00x");
}

TEST(SafeForTerminalTest, KeepsToItsLimit) {
  const std::string text(100000, 'x');
  EXPECT_EQ(SafeForTerminal(text, 10).size(), 10U);
}

TEST(CutToWidthTest, CutsAtCharacterBorders) {
  EXPECT_EQ(CutToWidth("abcdef", 6, "…"), "abcdef");
  EXPECT_EQ(CutToWidth("abcdef", 4, "…"), "abc…");
  // The second wide character would take the fourth and fifth column.
  EXPECT_EQ(CutToWidth("東京都", 4, "…"), "東…");
  EXPECT_EQ(CutToWidth("e\u0301e\u0301e\u0301", 2, "…"), "e\u0301…");
  EXPECT_EQ(CutToWidth("abcdef", 0, "~"), "~");
}

TEST(NumbersTest, AreReadable) {
  EXPECT_EQ(GroupedNumber(0), "0");
  EXPECT_EQ(GroupedNumber(999), "999");
  EXPECT_EQ(GroupedNumber(336776), "336,776");
  EXPECT_EQ(GroupedNumber(-1234567), "-1,234,567");
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(HumanBytes(int64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(HumanAge(-5), "0 s");
  EXPECT_EQ(HumanAge(90), "90 s");
  EXPECT_EQ(HumanAge(600), "10 min");
  EXPECT_EQ(HumanAge(3 * 3600), "3 h");
  EXPECT_EQ(HumanAge(9 * 86400), "9 d");
}

}  // namespace
}  // namespace longbow::client
