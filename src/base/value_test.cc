#include <longbow/value.h>

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow {
namespace {

Value Parsed(std::string_view text) { return Value::FromJson(text).ValueOrDie(); }

TEST(Value, ParsesEachTypeAndWritesItBack) {
  for (const char* text :
       {"null", "true", "false", "0", "-7", "9223372036854775807", "-9223372036854775808", "1.5",
        "1e+300", "-0.0", "\"\"", "\"\xC3\xA4\\\"\\\\\\n\\u0001\"", "[]", "{}",
        "{\"a\":[1,{\"b\":null}],\"b\":\"x\"}"}) {
    EXPECT_EQ(Parsed(text).ToJson(), text);
  }
}

TEST(Value, KeepsIntegersExactAndTellsThemFromNumbers) {
  EXPECT_TRUE(Parsed("9007199254740993").is_int());
  EXPECT_EQ(Parsed("9007199254740993").as_int(), 9007199254740993);
  EXPECT_TRUE(Parsed("5.0").is_double());
  EXPECT_EQ(Parsed("5.0").ToJson(), "5.0");
  EXPECT_TRUE(Parsed("9223372036854775808").is_double());
  EXPECT_TRUE(Parsed("18446744073709551616").is_double());
  EXPECT_EQ(Parsed("3").as_double(), 3.0);
}

TEST(Value, EqualObjectsHaveOneText) {
  EXPECT_EQ(Parsed("{ \"b\" : 1 , \"a\" : 2 }").ToJson(), "{\"a\":2,\"b\":1}");
}

TEST(Value, WritesWhatJsonCannotSayAsText) {
  EXPECT_EQ(Value(std::nan("")).ToJson(), "\"NaN\"");
  EXPECT_EQ(Value(std::numeric_limits<double>::infinity()).ToJson(), "\"Infinity\"");
  EXPECT_EQ(Value(-std::numeric_limits<double>::infinity()).ToJson(), "\"-Infinity\"");
  EXPECT_EQ(Value("a\xFF").ToJson(), "\"a\xEF\xBF\xBD\"");
}

TEST(Value, RefusesWhatIsNotJson) {
  for (std::string_view text : {"",
                                " ",
                                "{",
                                "}",
                                "{a:1}",
                                "{\"a\":1,}",
                                "[1,]",
                                "01",
                                "1.",
                                "nul",
                                "\"\\x\"",
                                "1 2",
                                "{\"a\" 1}",
                                "\"\xFF\"",
                                "\"\xC3\"",
                                "\"\xED\xA0\x80\"",
                                "\"\\ud800\"",
                                "1e999",
                                "NaN",
                                "// c\n1",
                                "'a'",
                                "\"\n\"",
                                "[\"a\", 1e]"}) {
    arrow::Result<Value> result = Value::FromJson(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument) << text;
  }
  EXPECT_FALSE(Value::FromJson(std::string_view("1\0", 2)).ok());
}

TEST(Value, NamesThePositionOfAnError) {
  std::string message = Value::FromJson("{\"a\": tru}").status().message();
  EXPECT_NE(message.find("line 1, column 10"), std::string::npos) << message;
  EXPECT_EQ(message.find("last read"), std::string::npos) << message;
  EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
}

TEST(Value, RefusesOneKeyTwice) {
  std::string message = Value::FromJson("{\"a\":1,\"b\":{\"a\":1,\"a\":2}}").status().message();
  EXPECT_NE(message.find("'a' twice"), std::string::npos) << message;
  EXPECT_TRUE(Value::FromJson("[{\"a\":1},{\"a\":2}]").ok());
}

TEST(Value, LimitsNesting) {
  auto nested = [](int levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(Value::FromJson(nested(256)).ok());
  arrow::Status status = Value::FromJson(nested(257)).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_NE(status.message().find("256"), std::string::npos) << status.message();
  EXPECT_TRUE(Value::FromJson(nested(3), 3).ok());
  EXPECT_FALSE(Value::FromJson(nested(4), 3).ok());
  // Not a stack overflow.
  EXPECT_FALSE(Value::FromJson(std::string(1 << 20, '[')).ok());
  EXPECT_FALSE(Value::FromJson(std::string(1 << 20, '{')).ok());
}

TEST(Value, FindsMembers) {
  Value object = Parsed("{\"a\":1}");
  ASSERT_NE(object.Find("a"), nullptr);
  EXPECT_EQ(object.Find("a")->as_int(), 1);
  EXPECT_EQ(object.Find("b"), nullptr);
  EXPECT_EQ(Value(1).Find("a"), nullptr);
}

TEST(ValueDeathTest, AbortsOnTheWrongType) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Value("x").as_int(), "holds string is read as integer");
}

}  // namespace
}  // namespace longbow
