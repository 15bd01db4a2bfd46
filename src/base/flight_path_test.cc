#include <longbow/flight_path.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow {
namespace {

void ExpectRefused(const arrow::Result<FlightPath>& result, const std::string& part_of_message) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument);
  EXPECT_NE(result.status().message().find(part_of_message), std::string::npos)
      << result.status().message();
}

TEST(FlightPath, ReadsAndWritesTheFormForPeople) {
  FlightPath path = FlightPath::Parse("reports/2026/q1").ValueOrDie();
  EXPECT_EQ(path.parts(), (std::vector<std::string>{"reports", "2026", "q1"}));
  EXPECT_EQ(path.ToString(), "reports/2026/q1");
  EXPECT_EQ(FlightPath::Make({"reports", "2026", "q1"}).ValueOrDie(), path);
}

TEST(FlightPath, TakesWhatTheRulesAllow) {
  EXPECT_TRUE(FlightPath::Make({"a b", "..", "\xC3\xA4", "\xF0\x9F\x98\x80"}).ok());
  EXPECT_TRUE(FlightPath::Make({std::string(255, 'x')}).ok());
  EXPECT_TRUE(FlightPath::Make(std::vector<std::string>(32, "x")).ok());
}

TEST(FlightPath, RefusesWhatTheyForbid) {
  ExpectRefused(FlightPath::Make({}), "no parts");
  ExpectRefused(FlightPath::Make(std::vector<std::string>(33, "x")), "33 parts");
  ExpectRefused(FlightPath::Make({"a", ""}), "Part 2 of the path is empty");
  ExpectRefused(FlightPath::Make({std::string(256, 'x')}), "256 bytes");
  ExpectRefused(FlightPath::Make({"a\xFF"}), "UTF-8");
  ExpectRefused(FlightPath::Make({"a/b"}), "'/'");
  ExpectRefused(FlightPath::Make({"a\n"}), "control");
  ExpectRefused(FlightPath::Make({std::string("a\0", 2)}), "control");
  ExpectRefused(FlightPath::Make({"a\x7F"}), "control");
  ExpectRefused(FlightPath::Make({"a\xC2\x85"}), "control");
  ExpectRefused(FlightPath::Parse(""), "empty");
  ExpectRefused(FlightPath::Parse("/a"), "empty");
  ExpectRefused(FlightPath::Parse("a/"), "empty");
  ExpectRefused(FlightPath::Parse(std::string(1000000, '/')), "33 parts");
}

TEST(FlightPath, KnowsItsPrefixes) {
  FlightPath path = FlightPath::Parse("a/b/c").ValueOrDie();
  EXPECT_TRUE(path.StartsWith({}));
  EXPECT_TRUE(path.StartsWith({"a", "b"}));
  EXPECT_TRUE(path.StartsWith({"a", "b", "c"}));
  EXPECT_FALSE(path.StartsWith({"a", "b", "c", "d"}));
  EXPECT_FALSE(path.StartsWith({"a", "bb"}));
  EXPECT_FALSE(path.StartsWith({"b"}));
}

}  // namespace
}  // namespace longbow
