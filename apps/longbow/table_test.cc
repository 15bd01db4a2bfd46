#include "table.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include "display_text.h"

namespace longbow::client {
namespace {

std::shared_ptr<arrow::RecordBatch> Batch(const std::shared_ptr<arrow::Schema>& schema,
                                          const std::string& json) {
  auto rows = arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), json);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return *arrow::RecordBatch::FromStructArray(*rows);
}

std::string Render(const std::shared_ptr<arrow::RecordBatch>& batch, const TableStyle& style,
                   int* hidden = nullptr) {
  Table table(batch->schema(), style);
  table.Layout({batch});
  std::string text;
  table.AppendHead(&text);
  table.AppendRows(*batch, &text);
  if (hidden != nullptr) *hidden = table.hidden_columns();
  return text;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

const auto kFlights =
    arrow::schema({arrow::field("carrier", arrow::utf8()), arrow::field("n", arrow::int64()),
                   arrow::field("delay", arrow::float64())});

TEST(TableTest, AlignsNumbersToTheRightAndShowsNulls) {
  auto batch = Batch(kFlights, R"([["9E", 18460, 16.5], [null, 7, null]])");
  EXPECT_EQ(Render(batch, {}),
            " carrier |     n |  delay\n"
            " string  | int64 | double\n"
            "---------+-------+--------\n"
            " 9E      | 18460 |   16.5\n"
            " NULL    |     7 |   NULL\n");
}

TEST(TableTest, DrawsLinesWhereTheLocaleCan) {
  auto batch = Batch(kFlights, R"([["9E", 1, 2]])");
  TableStyle style;
  style.unicode = true;
  style.types = false;
  EXPECT_EQ(Render(batch, style),
            " carrier │ n │ delay\n"
            "─────────┼───┼───────\n"
            " 9E      │ 1 │   2.0\n");
}

TEST(TableTest, AlignsWideAndCombiningCharacters) {
  const auto schema =
      arrow::schema({arrow::field("市", arrow::utf8()), arrow::field("n", arrow::int32())});
  auto batch = Batch(schema, "[[\"東京\", 1], [\"Zu\u0308rich\", 22]]");
  TableStyle style;
  style.types = false;
  const auto lines = Lines(Render(batch, style));
  ASSERT_EQ(lines.size(), 4U);
  // The rule below the head reaches one column further than what ends with a number.
  EXPECT_EQ(DisplayWidth(lines[0]) + 1, DisplayWidth(lines[1]));
  EXPECT_EQ(DisplayWidth(lines[2]), DisplayWidth(lines[0]));
  EXPECT_EQ(DisplayWidth(lines[3]), DisplayWidth(lines[0]));
}

TEST(TableTest, NeverSendsEscapeSequencesOfTheData) {
  const auto schema = arrow::schema({arrow::field("a\x1b[2Jb", arrow::utf8())});
  auto batch = Batch(schema, R"([["\u001b]0;owned\u0007"], ["two\nlines"]])");
  const std::string text = Render(batch, {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_NE(text.find("\\x1b]0;owned\\x07"), std::string::npos);
  EXPECT_EQ(Lines(text).size(), 5U);
}

TEST(TableTest, CutsTextToTheTerminalAndLeavesNumbersWhole) {
  auto batch =
      Batch(kFlights, R"([["a very long name of a carrier that goes on", 1234567, 1.25]])");
  TableStyle style;
  style.max_width = 40;
  style.unicode = true;
  int hidden = -1;
  const auto lines = Lines(Render(batch, style, &hidden));
  EXPECT_EQ(hidden, 0);
  for (const std::string& line : lines) EXPECT_LE(DisplayWidth(line), 40) << line;
  EXPECT_NE(lines.back().find("1234567"), std::string::npos);
  EXPECT_NE(lines.back().find("…"), std::string::npos);
}

TEST(TableTest, LeavesOutColumnsAtTheRightThatDoNotFit) {
  arrow::FieldVector fields;
  std::string row = "[[";
  for (int i = 0; i < 30; ++i) {
    fields.push_back(arrow::field("column" + std::to_string(i), arrow::int64()));
    row += (i == 0 ? "" : ",") + std::to_string(i);
  }
  auto batch = Batch(arrow::schema(fields), row + "]]");
  TableStyle style;
  style.max_width = 80;
  int hidden = 0;
  const auto lines = Lines(Render(batch, style, &hidden));
  EXPECT_GT(hidden, 0);
  EXPECT_LT(hidden, 30);
  for (const std::string& line : lines) EXPECT_LE(DisplayWidth(line), 80) << line;
}

TEST(TableTest, FitsAnyWidth) {
  auto batch = Batch(kFlights, R"([["abcdefghijklmnopqrstuvwxyz", 1234567890123, 0.1]])");
  for (int width = 5; width < 100; ++width) {
    TableStyle style;
    style.max_width = width;
    for (const std::string& line : Lines(Render(batch, style))) {
      EXPECT_LE(DisplayWidth(line), width) << line;
    }
  }
}

TEST(TableTest, CutsLaterRowsThatAreWiderThanTheFirst) {
  const auto schema = arrow::schema({arrow::field("s", arrow::utf8())});
  Table table(schema, {});
  table.Layout({Batch(schema, R"([["abcdefgh"]])")});
  std::string text;
  table.AppendRows(*Batch(schema, R"([["abcdefghijk"]])"), &text);
  EXPECT_EQ(text, " abcdefg~\n");
}

TEST(TableTest, TakesNoRowsAndNoColumns) {
  EXPECT_EQ(Lines(Render(Batch(kFlights, "[]"), {})).size(), 3U);
  auto nothing = arrow::RecordBatch::Make(arrow::schema({}), 0, arrow::ArrayVector{});
  EXPECT_EQ(Render(nothing, {}), "");
}

}  // namespace
}  // namespace longbow::client
