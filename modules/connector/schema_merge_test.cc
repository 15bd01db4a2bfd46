#include "schema_merge.h"

#include <gtest/gtest.h>

#include <arrow/api.h>

#include <longbow/error.h>

namespace longbow::connector {
namespace {

using Columns = std::vector<std::pair<std::string, std::shared_ptr<arrow::DataType>>>;

std::shared_ptr<arrow::Schema> SchemaOf(const Columns& columns) {
  arrow::FieldVector fields;
  for (const auto& [name, type] : columns) fields.push_back(arrow::field(name, type));
  return arrow::schema(fields);
}

void ExpectMerged(const Columns& first, const Columns& second, const Columns& expected) {
  auto merged = MergeSchemas({{"1", SchemaOf(first)}, {"2", SchemaOf(second)}}, {});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_TRUE((*merged)->Equals(*SchemaOf(expected))) << (*merged)->ToString();
}

void ExpectDiffers(const Columns& first, const Columns& second, const std::string& column) {
  auto merged =
      MergeSchemas({{"first.csv", SchemaOf(first)}, {"second.csv", SchemaOf(second)}}, {});
  ASSERT_FALSE(merged.ok()) << (*merged)->ToString();
  EXPECT_EQ(ErrorCodeOf(merged.status()), ErrorCode::kCommandFailed);
  EXPECT_NE(merged.status().message().find("'second.csv'"), std::string::npos) << merged.status();
  EXPECT_NE(merged.status().message().find("'" + column + "'"), std::string::npos)
      << merged.status();
}

TEST(MergeSchemas, TypesAreWidened) {
  ExpectMerged({{"a", arrow::int32()}}, {{"a", arrow::int64()}}, {{"a", arrow::int64()}});
  ExpectMerged({{"a", arrow::int64()}}, {{"a", arrow::float64()}}, {{"a", arrow::float64()}});
  ExpectMerged({{"a", arrow::null()}}, {{"a", arrow::utf8()}}, {{"a", arrow::utf8()}});
}

TEST(MergeSchemas, TheFirstFileGivesTheOrder) {
  ExpectMerged({{"a", arrow::int32()}, {"b", arrow::utf8()}},
               {{"b", arrow::utf8()}, {"a", arrow::int32()}},
               {{"a", arrow::int32()}, {"b", arrow::utf8()}});
}

TEST(MergeSchemas, FilesThatDifferAreNamed) {
  ExpectDiffers({{"a", arrow::int32()}}, {{"a", arrow::utf8()}}, "a");
  ExpectDiffers({{"a", arrow::int32()}, {"b", arrow::int32()}}, {{"a", arrow::int32()}}, "b");
  ExpectDiffers({{"a", arrow::int32()}}, {{"a", arrow::int32()}, {"c", arrow::int32()}}, "c");
}

TEST(MergeSchemas, MissingColumnsMayBeAllowed) {
  auto merged = MergeSchemas(
      {{"1", SchemaOf({{"a", arrow::int32()}})}, {"2", SchemaOf({{"b", arrow::utf8()}})}},
      {.allow_missing = true});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_TRUE((*merged)->Equals(*SchemaOf({{"a", arrow::int32()}, {"b", arrow::utf8()}})));
}

TEST(CheckFileSchema, AFileNeedsTheColumnsButThoseOfItsFolder) {
  auto schema = SchemaOf({{"a", arrow::int64()}, {"year", arrow::int32()}});
  auto partitions = SchemaOf({{"year", arrow::int32()}});
  auto check = [&](const Columns& columns) {
    return CheckFileSchema({"x.csv", SchemaOf(columns)}, *schema, *partitions, {});
  };
  EXPECT_TRUE(check({{"a", arrow::int64()}}).ok());
  EXPECT_TRUE(check({{"a", arrow::int32()}, {"more", arrow::utf8()}}).ok());
  EXPECT_EQ(ErrorCodeOf(check({{"b", arrow::int64()}})), ErrorCode::kCommandFailed);
  EXPECT_EQ(ErrorCodeOf(check({{"a", arrow::utf8()}})), ErrorCode::kCommandFailed);
}

TEST(ReadableSchema, HasNoViews) {
  auto readable = ReadableSchema(
      {"x",
       SchemaOf({{"a", arrow::utf8_view()}, {"b", arrow::binary_view()}, {"d", arrow::int8()}})});
  ASSERT_TRUE(readable.ok()) << readable.status();
  EXPECT_TRUE((*readable)->Equals(
      *SchemaOf({{"a", arrow::utf8()}, {"b", arrow::binary()}, {"d", arrow::int8()}})));
}

TEST(WithoutUntypedColumns, MakesThemText) {
  auto schema = SchemaOf({{"a", arrow::null()}, {"b", arrow::int8()}});
  EXPECT_TRUE(WithoutUntypedColumns(*schema)->Equals(
      *SchemaOf({{"a", arrow::utf8()}, {"b", arrow::int8()}})));
}

TEST(ReadableSchema, RefusesANameThatAppearsTwice) {
  auto readable = ReadableSchema({"x.csv", SchemaOf({{"a", arrow::int8()}, {"a", arrow::int8()}})});
  EXPECT_EQ(ErrorCodeOf(readable.status()), ErrorCode::kCommandFailed);
}

}  // namespace
}  // namespace longbow::connector
