#include "config/size.h"

#include <limits>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::config {
namespace {

TEST(ParseSizeTest, ReadsWhatPeopleWrite) {
  struct Case {
    const char* text;
    int64_t bytes;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"0", 0},
           {"4096", 4096},
           {"4096B", 4096},
           {"512MB", 512'000'000},
           {"512 MB", 512'000'000},
           {"512MiB", 512 * 1048576LL},
           {"1kB", 1000},
           {"1KB", 1000},
           {"1kib", 1024},
           {"1.5GiB", 1610612736},
           {"0.5kB", 500},
           {"2TB", 2'000'000'000'000},
           {"8TiB", int64_t{8} << 40},
           {"9223372036854775807", std::numeric_limits<int64_t>::max()},
       }) {
    auto bytes = ParseSize(c.text);
    ASSERT_TRUE(bytes.ok()) << c.text << ": " << bytes.status();
    EXPECT_EQ(*bytes, c.bytes) << c.text;
  }
}

TEST(ParseSizeTest, RefusesTheRest) {
  for (const char* text :
       {"", "MB", "-1", "-0", "12 parsecs", "1e3", "5M", "5 G", "512MBs", "0x10", "nan", "inf",
        "9223372036854775808", "9000000TiB", "8388608TiB", " 5", "1,5GB", "1.5.5GB"}) {
    auto bytes = ParseSize(text);
    EXPECT_FALSE(bytes.ok()) << text;
    EXPECT_EQ(ErrorCodeOf(bytes.status()), ErrorCode::kBadArgument) << text;
  }
}

TEST(FormatSizeTest, IsReadBackExactly) {
  for (int64_t bytes :
       {int64_t{0}, int64_t{1}, int64_t{1000}, int64_t{1024}, int64_t{4097}, int64_t{8} << 20,
        int64_t{512'000'000}, (int64_t{1} << 31) - 1, std::numeric_limits<int64_t>::max()}) {
    auto back = ParseSize(FormatSize(bytes));
    ASSERT_TRUE(back.ok()) << FormatSize(bytes);
    EXPECT_EQ(*back, bytes);
  }
  EXPECT_EQ(FormatSize(int64_t{8} << 20), "8MiB");
  EXPECT_EQ(FormatSize(512'000'000), "512MB");
  EXPECT_EQ(FormatSize(4097), "4097B");
}

}  // namespace
}  // namespace longbow::config
