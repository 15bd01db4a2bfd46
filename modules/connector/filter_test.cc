#include "filter.h"

#include <gtest/gtest.h>

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>

#include <longbow/error.h>

namespace longbow::connector {
namespace {

class FilterTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(arrow::compute::Initialize().ok()); }
};

void ExpectFits(const std::shared_ptr<arrow::DataType>& type, const Value& value,
                const std::string& expected) {
  auto scalar = TypedValue(*arrow::field("c", type), value);
  ASSERT_TRUE(scalar.ok()) << type->ToString() << " " << value.ToJson() << ": " << scalar.status();
  EXPECT_EQ((*scalar)->ToString(), expected) << type->ToString() << " " << value.ToJson();
}

void ExpectDoesNotFit(const std::shared_ptr<arrow::DataType>& type, const Value& value) {
  auto scalar = TypedValue(*arrow::field("c", type), value);
  ASSERT_FALSE(scalar.ok()) << type->ToString() << " " << value.ToJson() << " is "
                            << (*scalar)->ToString();
  EXPECT_EQ(ErrorCodeOf(scalar.status()), ErrorCode::kBadArgument);
  for (const std::string& part : {std::string("'c'"), type->ToString(), value.ToJson()}) {
    EXPECT_NE(scalar.status().message().find(part), std::string::npos)
        << part << " is not in: " << scalar.status();
  }
}

TEST_F(FilterTest, ValuesGetTheColumnsType) {
  ExpectFits(arrow::int32(), 5, "5");
  ExpectFits(arrow::int64(), "9223372036854775807", "9223372036854775807");
  ExpectFits(arrow::uint8(), 255, "255");
  ExpectFits(arrow::int8(), 5.0, "5");
  ExpectFits(arrow::float64(), 5, "5");
  ExpectFits(arrow::float64(), 0.1, "0.1");
  ExpectFits(arrow::float32(), "1e3", "1000");
  ExpectFits(arrow::boolean(), true, "true");
  ExpectFits(arrow::boolean(), "false", "false");
  ExpectFits(arrow::utf8(), "text", "text");
  ExpectFits(arrow::large_utf8(), "", "");
  ExpectFits(arrow::date32(), "2013-02-28", "2013-02-28");
  ExpectFits(arrow::time64(arrow::TimeUnit::MICRO), "12:30:00", "12:30:00.000000");
  ExpectFits(arrow::decimal128(10, 2), "12.34", "12.34");
  ExpectFits(arrow::decimal128(10, 2), 12, "12.00");
  ExpectFits(arrow::decimal128(10, 2), 0.05, "0.05");
  ExpectFits(arrow::dictionary(arrow::int32(), arrow::utf8()), "key", "key");
}

TEST_F(FilterTest, TimesMayHaveAZoneWhereTheColumnHasOne) {
  auto plain = arrow::timestamp(arrow::TimeUnit::SECOND);
  auto utc = arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
  ExpectFits(plain, "2013-01-01T10:00:00", "2013-01-01 10:00:00");
  ExpectFits(plain, "2013-01-01", "2013-01-01 00:00:00");
  ExpectFits(utc, "2013-01-01 10:00:00Z", "2013-01-01 10:00:00.000Z");
  ExpectFits(utc, "2013-01-01T10:00:00+02:00", "2013-01-01 08:00:00.000Z");
  ExpectFits(utc, "2013-01-01T10:00:00.5", "2013-01-01 10:00:00.500Z");
  ExpectDoesNotFit(plain, "2013-01-01T10:00:00Z");
  ExpectDoesNotFit(plain, "2013-01-01T10:00:00.5");
  ExpectDoesNotFit(plain, 1357034400);
}

TEST_F(FilterTest, WhatDoesNotFitNamesColumnTypeAndValue) {
  ExpectDoesNotFit(arrow::int32(), "five");
  ExpectDoesNotFit(arrow::int32(), 5.5);
  ExpectDoesNotFit(arrow::int32(), true);
  ExpectDoesNotFit(arrow::int8(), 128);
  ExpectDoesNotFit(arrow::uint64(), -1);
  ExpectDoesNotFit(arrow::int64(), "9223372036854775808");
  ExpectDoesNotFit(arrow::float64(), "x");
  ExpectDoesNotFit(arrow::boolean(), 1);
  ExpectDoesNotFit(arrow::utf8(), 5);
  ExpectDoesNotFit(arrow::date32(), "2013-02-30");
  ExpectDoesNotFit(arrow::decimal128(10, 2), "1.234");
  ExpectDoesNotFit(arrow::decimal128(4, 2), "1234.56");
  ExpectDoesNotFit(arrow::int32(), Value());
  ExpectDoesNotFit(arrow::utf8(), Value::List{"a"});
}

TEST_F(FilterTest, SomeTypesCanBeTestedForNullOnly) {
  auto schema = arrow::schema({arrow::field("l", arrow::list(arrow::int32()))});
  auto equal = MakeFilterExpression({{"l", FilterOp::kEqual, 1}}, *schema);
  EXPECT_EQ(ErrorCodeOf(equal.status()), ErrorCode::kBadArgument);
  EXPECT_NE(equal.status().message().find("IS_NULL"), std::string::npos) << equal.status();
  EXPECT_TRUE(MakeFilterExpression({{"l", FilterOp::kIsNull, {}}}, *schema).ok());
}

TEST_F(FilterTest, ExpressionsSayWhatTheFiltersSay) {
  auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("odd name.x", arrow::utf8())});
  auto text = [&](const std::vector<Filter>& filters) {
    auto expression = MakeFilterExpression(filters, *schema);
    EXPECT_TRUE(expression.ok()) << expression.status();
    EXPECT_TRUE(expression->Bind(*schema).ok());
    return expression->ToString();
  };
  EXPECT_EQ(text({}), "true");
  EXPECT_EQ(text({{"a", FilterOp::kGreaterEqual, 5}}), "(a >= 5)");
  EXPECT_EQ(text({{"a", FilterOp::kNotEqual, 5}, {"odd name.x", FilterOp::kIsNotNull, {}}}),
            "((a != 5) and is_valid(odd name.x))");
  EXPECT_NE(text({{"a", FilterOp::kIn, Value::List{1, "2"}}}).find("is_in(a"), std::string::npos);
  text({{"a", FilterOp::kIn, Value::List{}}});
}

TEST_F(FilterTest, AnUnknownColumnGetsAHint) {
  auto schema = arrow::schema({arrow::field("arr_delay", arrow::int64())});
  auto result = MakeFilterExpression({{"ar_delay", FilterOp::kEqual, 1}}, *schema);
  EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBadArgument);
  EXPECT_NE(result.status().message().find("did you mean 'arr_delay'?"), std::string::npos)
      << result.status();
}

}  // namespace
}  // namespace longbow::connector
