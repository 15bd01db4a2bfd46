#include "read_request.h"

#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::connector {
namespace {

arrow::Result<ReadRequest> Parse(const std::string& json) {
  return ParseReadRequest(Value::FromJson(json).ValueOrDie().as_object());
}

void ExpectBad(const std::string& json, const std::string& part) {
  auto request = Parse(json);
  ASSERT_FALSE(request.ok()) << json;
  EXPECT_EQ(ErrorCodeOf(request.status()), ErrorCode::kBadArgument) << request.status();
  EXPECT_NE(request.status().message().find(part), std::string::npos)
      << json << ": " << request.status();
}

TEST(ReadRequest, NothingMeansEverything) {
  auto request = Parse("{}").ValueOrDie();
  EXPECT_FALSE(request.path.has_value());
  EXPECT_FALSE(request.columns.has_value());
  EXPECT_TRUE(request.filters.empty());
  EXPECT_FALSE(request.limit.has_value());
}

TEST(ReadRequest, AllFields) {
  auto request = Parse(R"({"path": "a/b", "columns": ["x", "y"], "limit": 0, "filters": [
      {"column": "x", "op": ">=", "value": 5}, {"column": "y", "op": "IN", "value": ["a", "b"]},
      {"column": "z", "op": "IS_NULL"}]})")
                     .ValueOrDie();
  EXPECT_EQ(request.path, "a/b");
  EXPECT_EQ(request.columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(request.limit, 0);
  ASSERT_EQ(request.filters.size(), 3u);
  EXPECT_EQ(request.filters[0].op, FilterOp::kGreaterEqual);
  EXPECT_EQ(request.filters[0].value, Value(5));
  EXPECT_EQ(request.filters[1].value.as_list().size(), 2u);
  EXPECT_EQ(request.filters[2].op, FilterOp::kIsNull);
}

TEST(ReadRequest, EachOperatorHasItsName) {
  for (const char* op : {"=", "!=", "<", "<=", ">", ">="}) {
    EXPECT_TRUE(
        Parse(std::string(R"({"filters":[{"column":"x","op":")") + op + R"(","value":1}]})").ok())
        << op;
  }
  EXPECT_TRUE(Parse(R"({"filters":[{"column":"x","op":"IS_NOT_NULL"}]})").ok());
}

TEST(ReadRequest, WhatIsWrongIsNamed) {
  ExpectBad(R"({"columns": ["x", 5]})", "columns");
  ExpectBad(R"({"columns": ["x", "x"]})", "twice");
  ExpectBad(R"({"limit": -1})", "limit");
  ExpectBad(R"({"filters": [5]})", "filters[0]");
  ExpectBad(R"({"filters": [{"op": "=", "value": 1}]})", "column");
  ExpectBad(R"({"filters": [{"column": "x", "op": "~", "value": 1}]})", "op");
  ExpectBad(R"({"filters": [{"column": "x", "value": 1}]})", "op");
  ExpectBad(R"({"filters": [{"column": "x", "op": "="}]})", "value");
  ExpectBad(R"({"filters": [{"column": "x", "op": "=", "value": null}]})", "IS_NULL");
  ExpectBad(R"({"filters": [{"column": "x", "op": "IN", "value": 1}]})", "list");
  ExpectBad(R"({"filters": [{"column": "x", "op": "IN"}]})", "list");
  ExpectBad(R"({"filters": [{"column": "x", "op": "IS_NULL", "value": 1}]})", "value");
  ExpectBad(R"({"filters": [{"column": "x", "op": "=", "value": 1, "not": 1}]})", "`not`");
}

TEST(ReadRequest, TooMuchIsRefused) {
  Value::List filters(101, Value(Value::Object{{"column", "x"}, {"op", "IS_NULL"}}));
  EXPECT_EQ(ErrorCodeOf(ParseReadRequest({{"filters", filters}}).status()),
            ErrorCode::kBadArgument);
  Value::List values(10'001, Value(1));
  filters = {Value(Value::Object{{"column", "x"}, {"op", "IN"}, {"value", values}})};
  EXPECT_EQ(ErrorCodeOf(ParseReadRequest({{"filters", filters}}).status()),
            ErrorCode::kBadArgument);
}

}  // namespace
}  // namespace longbow::connector
