#include "source_config.h"

#include <gtest/gtest.h>

#include <arrow/type.h>

#include <longbow/error.h>

namespace longbow::connector {
namespace {

Settings::Table Defaults() {
  Settings::Table table;
  for (const auto& spec : SourceSettings().settings) {
    if (!spec.default_value.is_null()) table[spec.name] = spec.default_value;
  }
  table["path"] = "/data";
  return table;
}

void ExpectBad(const std::string& setting, const Value& value) {
  auto table = Defaults();
  table[setting] = value;
  auto config = ParseSourceConfig("nyc", table);
  ASSERT_FALSE(config.ok()) << setting;
  EXPECT_EQ(ErrorCodeOf(config.status()), ErrorCode::kBadArgument);
  EXPECT_NE(config.status().message().find("[connector.source.nyc] " + setting), std::string::npos)
      << config.status();
}

TEST(SourceConfig, Defaults) {
  auto config = ParseSourceConfig("nyc", Defaults()).ValueOrDie();
  EXPECT_EQ(config.name, "nyc");
  EXPECT_EQ(config.path, "/data");
  EXPECT_FALSE(config.format.has_value());
  EXPECT_TRUE(config.hive);
  EXPECT_TRUE(config.text.header);
  EXPECT_FALSE(config.text.delimiter.has_value());
  EXPECT_EQ(config.text.null_values, (std::vector<std::string>{"", "NA", "NULL", "null"}));
}

TEST(SourceConfig, AllSettings) {
  auto table = Defaults();
  table["path"] = "some/where/../else/*.csv";
  table["format"] = "csv";
  table["partitioning"] = "none";
  table["delimiter"] = ";";
  table["header"] = false;
  table["column_names"] = Value::List{"a", "b"};
  table["column_types"] = Value::List{"a=string", "b=decimal(12,2)"};
  table["null_values"] = Value::List{"-"};
  table["newlines_in_values"] = true;
  auto config = ParseSourceConfig("nyc", table).ValueOrDie();
  EXPECT_EQ(config.path[0], '/');
  EXPECT_TRUE(config.path.ends_with("/some/else/*.csv")) << config.path;
  EXPECT_EQ(config.format, FileType::kCsv);
  EXPECT_FALSE(config.hive);
  EXPECT_EQ(config.text.delimiter, ';');
  EXPECT_EQ(config.text.column_names.size(), 2u);
  EXPECT_TRUE(config.text.column_types[1].second->Equals(arrow::decimal128(12, 2)));
  EXPECT_TRUE(config.text.newlines_in_values);
}

TEST(SourceConfig, WhatIsWrongIsNamed) {
  ExpectBad("type", "postgres");
  ExpectBad("path", "");
  ExpectBad("format", "xml");
  ExpectBad("partitioning", "range");
  ExpectBad("delimiter", "||");
  ExpectBad("column_names", Value::List{"a"});
  ExpectBad("column_types", Value::List{"a"});
  ExpectBad("column_types", Value::List{"a=complex"});
  ExpectBad("column_types", Value::List{"a=decimal(2,3)"});
  ExpectBad("column_types", Value::List{"a=decimal(99,3)"});
}

TEST(FileType, ByTheEndingOfTheName) {
  EXPECT_EQ(FileTypeOfFile("x.parquet"), FileType::kParquet);
  EXPECT_EQ(FileTypeOfFile("x.CSV"), FileType::kCsv);
  EXPECT_EQ(FileTypeOfFile("x.csv.zst"), FileType::kCsv);
  EXPECT_EQ(FileTypeOfFile("x.jsonl.gz"), FileType::kJson);
  EXPECT_EQ(FileTypeOfFile("x.feather"), FileType::kArrow);
  EXPECT_EQ(FileTypeOfFile("a/x.orc"), FileType::kOrc);
  EXPECT_FALSE(FileTypeOfFile("csv").has_value());
  EXPECT_FALSE(FileTypeOfFile("x.gz").has_value());
  EXPECT_FALSE(FileTypeOfFile("x.csv.zip").has_value());
}

}  // namespace
}  // namespace longbow::connector
