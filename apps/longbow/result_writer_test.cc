#include "result_writer.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>

#include "cell_text.h"

namespace longbow::client {
namespace {

std::shared_ptr<arrow::Array> Values(const std::shared_ptr<arrow::DataType>& type,
                                     const std::string& json) {
  auto values = arrow::json::ArrayFromJSONString(type, json);
  EXPECT_TRUE(values.ok()) << values.status();
  return *values;
}

std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::Array>& values,
                                              bool nullable = true) {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("v", values->type(), nullable)}),
                                  values->length(), {values});
}

std::string Written(Format format,
                    const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  auto out = *arrow::io::BufferOutputStream::Create();
  auto writer = MakeResultWriter(format, batches.front()->schema(), {}, out.get());
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const auto& batch : batches) EXPECT_TRUE((*writer)->Write(batch).ok());
  EXPECT_TRUE((*writer)->Finish().ok());
  return (*out->Finish())->ToString();
}

std::string Csv(const std::shared_ptr<arrow::Array>& values) {
  return Written(Format::kCsv, {OneColumn(values)});
}
std::string Json(const std::shared_ptr<arrow::Array>& values) {
  return Written(Format::kJson, {OneColumn(values)});
}

TEST(CsvTest, QuotesWhatNeedsIt) {
  EXPECT_EQ(Csv(Values(arrow::utf8(), R"(["plain", "a,b", "say \"hi\"", "two\nlines", "", null])")),
            "v\nplain\n\"a,b\"\n\"say \"\"hi\"\"\"\n\"two\nlines\"\n\"\"\n\n");
}

TEST(CsvTest, WritesEveryKindOfType) {
  EXPECT_EQ(Csv(Values(arrow::boolean(), "[true, false, null]")), "v\ntrue\nfalse\n\n");
  EXPECT_EQ(Csv(Values(arrow::int64(), "[9223372036854775807, -1]")),
            "v\n9223372036854775807\n-1\n");
  EXPECT_EQ(Csv(Values(arrow::uint8(), "[255]")), "v\n255\n");
  EXPECT_EQ(Csv(Values(arrow::float64(), "[0.1, 1e300, 3]")), "v\n0.1\n1e+300\n3.0\n");
  EXPECT_EQ(Csv(Values(arrow::decimal128(10, 2), R"(["12.30", "-0.05"])")), "v\n12.30\n-0.05\n");
  EXPECT_EQ(Csv(Values(arrow::date32(), "[15706]")), "v\n2013-01-01\n");
  EXPECT_EQ(Csv(Values(arrow::time32(arrow::TimeUnit::SECOND), "[19800]")), "v\n05:30:00\n");
  EXPECT_EQ(Csv(Values(arrow::timestamp(arrow::TimeUnit::SECOND), R"(["2013-01-01 05:30:00"])")),
            "v\n2013-01-01 05:30:00\n");
  EXPECT_EQ(Csv(Values(arrow::timestamp(arrow::TimeUnit::SECOND, "UTC"), "[0]")),
            "v\n1970-01-01 00:00:00Z\n");
  EXPECT_EQ(Csv(Values(arrow::duration(arrow::TimeUnit::MILLI), "[1500]")), "v\n1500 ms\n");
  EXPECT_EQ(Csv(Values(arrow::binary(), R"(["AB"])")), "v\n4142\n");
  EXPECT_EQ(Csv(Values(arrow::list(arrow::int32()), "[[1, 2], [], null]")), "v\n\"[1,2]\"\n[]\n\n");
  EXPECT_EQ(Csv(Values(arrow::null(), "[null]")), "v\n\n");
  EXPECT_EQ(Csv(Values(arrow::large_utf8(), R"(["x"])")), "v\nx\n");
  EXPECT_EQ(Csv(Values(arrow::utf8_view(), R"(["x"])")), "v\nx\n");
}

TEST(JsonTest, WritesOneObjectPerLine) {
  const auto schema =
      arrow::schema({arrow::field("a \"b\"", arrow::int64()), arrow::field("s", arrow::utf8())});
  auto rows = Values(arrow::struct_(schema->fields()), R"([[1, "x"], [null, null]])");
  EXPECT_EQ(Written(Format::kJson, {*arrow::RecordBatch::FromStructArray(rows)}),
            "{\"a \\\"b\\\"\":1,\"s\":\"x\"}\n{\"a \\\"b\\\"\":null,\"s\":null}\n");
}

TEST(JsonTest, WritesEveryKindOfType) {
  EXPECT_EQ(Json(Values(arrow::int64(), "[9223372036854775807]")), "{\"v\":9223372036854775807}\n");
  EXPECT_EQ(Json(Values(arrow::float64(), "[NaN, Inf, -Inf, 0.5]")),
            "{\"v\":\"NaN\"}\n{\"v\":\"Infinity\"}\n{\"v\":\"-Infinity\"}\n{\"v\":0.5}\n");
  EXPECT_EQ(Json(Values(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), "[1500000]")),
            "{\"v\":\"1970-01-01T00:00:01.5Z\"}\n");
  EXPECT_EQ(Json(Values(arrow::timestamp(arrow::TimeUnit::NANO), "[1000000000]")),
            "{\"v\":\"1970-01-01T00:00:01\"}\n");
  EXPECT_EQ(Json(Values(arrow::binary(), R"(["AB"])")), "{\"v\":\"QUI=\"}\n");
  EXPECT_EQ(Json(Values(arrow::decimal128(5, 1), R"(["1.5"])")), "{\"v\":1.5}\n");
  EXPECT_EQ(Json(Values(arrow::map(arrow::utf8(), arrow::int32()), R"([[["k", 1]], null])")),
            "{\"v\":[[\"k\",1]]}\n{\"v\":null}\n");
  const auto nested = arrow::struct_(
      {arrow::field("x", arrow::list(arrow::utf8())), arrow::field("y", arrow::date32())});
  EXPECT_EQ(Json(Values(nested, R"([[["a", null], 0]])")),
            "{\"v\":{\"x\":[\"a\",null],\"y\":\"1970-01-01\"}}\n");
}

TEST(JsonTest, EscapesControlCharactersAndReplacesWhatIsNoUtf8) {
  std::string out;
  AppendJsonString(std::string_view("\x1b[0m\x00\x7f\xff\u009b\"\\", 11), &out);
  EXPECT_EQ(out, "\"\\u001b[0m\\u0000\\u007f\xEF\xBF\xBD\\u009b\\\"\\\\\"");
}

TEST(CellTest, SeesThroughDictionariesAndUnions) {
  const auto dictionary = arrow::dictionary(arrow::int8(), arrow::utf8());
  EXPECT_EQ(Csv(Values(dictionary, R"(["a", null, "b", "a"])")), "v\na\n\nb\na\n");
  const auto unions =
      arrow::dense_union({arrow::field("i", arrow::int32()), arrow::field("s", arrow::utf8())});
  EXPECT_EQ(Json(Values(unions, R"([[0, 7], [1, "x"], [0, null]])")),
            "{\"v\":7}\n{\"v\":\"x\"}\n{\"v\":null}\n");
  auto run_ends = Values(arrow::int32(), "[2, 5]");
  auto encoded =
      *arrow::RunEndEncodedArray::Make(5, run_ends, Values(arrow::utf8(), R"(["a", null])"));
  EXPECT_EQ(Csv(encoded), "v\na\na\n\n\n\n");
  EXPECT_EQ(Csv(encoded->Slice(1, 2)), "v\na\n\n");
}

TEST(CellTest, FollowsSlices) {
  EXPECT_EQ(Csv(Values(arrow::int32(), "[1, 2, 3]")->Slice(1)), "v\n2\n3\n");
  EXPECT_EQ(Json(Values(arrow::list(arrow::int32()), "[[1], [2, 3]]")->Slice(1)),
            "{\"v\":[2,3]}\n");
}

TEST(ArrowTest, IsAStreamThatReadsBack) {
  auto batch = OneColumn(Values(arrow::int64(), "[1, 2, null]"));
  const std::string bytes = Written(Format::kArrow, {batch, batch});
  auto reader = *arrow::ipc::RecordBatchStreamReader::Open(
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes)));
  auto table = *reader->ToTable();
  EXPECT_EQ(table->num_rows(), 6);
}

TEST(ParquetTest, ReadsBack) {
  auto batch = OneColumn(Values(arrow::utf8(), R"(["a", null])"));
  const std::string bytes = Written(Format::kParquet, {batch, batch});
  auto file = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
  auto reader = *parquet::arrow::OpenFile(file, arrow::default_memory_pool());
  auto table = *reader->ReadTable();
  EXPECT_EQ(table->num_rows(), 4);
  EXPECT_EQ(table->column(0)->null_count(), 2);
}

TEST(TableWriterTest, StreamsBeyondTheRowsThatGiveTheWidths) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 2500; ++i) ASSERT_TRUE(builder.Append(i).ok());
  auto batch = OneColumn(*builder.Finish());
  const std::string text = Written(Format::kTable, {batch, batch});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3 + 5000);
}

TEST(FormatTest, IsFoundByNameAndEnding) {
  EXPECT_EQ(FormatFromName("json"), Format::kJson);
  EXPECT_FALSE(FormatFromName("xml").has_value());
  EXPECT_EQ(FormatFromFileName("a/b.parquet"), Format::kParquet);
  EXPECT_EQ(FormatFromFileName("b.arrow"), Format::kArrow);
  EXPECT_FALSE(FormatFromFileName("b.xml").has_value());
}

}  // namespace
}  // namespace longbow::client
