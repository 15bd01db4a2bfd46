#include "file_source.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include <arrow/compute/initialize.h>

#include <longbow/error.h>
#include <longbow/testing/fake_task_context.h>

#include "test_files.h"

namespace longbow::connector {
namespace {

class FileSourceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(arrow::compute::Initialize().ok()); }

  FileSource Source(const std::string& path = "") {
    config_.name = "s";
    config_.path = folder_ / path;
    config_.text.null_values = {"", "NA", "NULL", "null"};
    return FileSource(config_, context_);
  }

  // All rows, as one batch, after checks that hold for each reading.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TryRead(const ReadRequest& request,
                                                             const std::string& path = "") {
    auto source = Source(path);
    testing::FakeTaskContext task;
    ARROW_ASSIGN_OR_RAISE(auto schema, source.GetSchema(request));
    ARROW_ASSIGN_OR_RAISE(auto reader, source.Read(request, task));
    EXPECT_TRUE(request.used_columns || reader->schema()->Equals(*schema, true));
    ARROW_ASSIGN_OR_RAISE(auto table, reader->ToTable());
    ARROW_RETURN_NOT_OK(table->ValidateFull());
    if (table->num_columns() == 0) {
      return arrow::RecordBatch::Make(table->schema(), table->num_rows(), arrow::ArrayVector{});
    }
    if (table->num_rows() == 0) return arrow::RecordBatch::MakeEmpty(table->schema());
    return table->CombineChunksToBatch();
  }

  std::shared_ptr<arrow::RecordBatch> Read(const ReadRequest& request = {},
                                           const std::string& path = "") {
    auto batch = TryRead(request, path);
    EXPECT_TRUE(batch.ok()) << batch.status();
    return batch.ok() ? *batch : arrow::RecordBatch::MakeEmpty(arrow::schema({})).ValueOrDie();
  }

  void ExpectReads(const std::shared_ptr<arrow::Table>& expected, const ReadRequest& request = {}) {
    auto batch = Read(request);
    auto table = arrow::Table::FromRecordBatches({batch}).ValueOrDie();
    EXPECT_TRUE(table->Equals(*expected)) << table->ToString();
  }

  void ExpectError(const ReadRequest& request, ErrorCode code,
                   const std::vector<std::string>& parts, const std::string& path = "") {
    auto batch = TryRead(request, path);
    ASSERT_FALSE(batch.ok());
    EXPECT_EQ(ErrorName(ErrorCodeOf(batch.status())), ErrorName(code)) << batch.status();
    for (const auto& part : parts) {
      EXPECT_NE(batch.status().message().find(part), std::string::npos)
          << part << " is not in: " << batch.status();
    }
    const std::string all = batch.status().ToString();
    EXPECT_EQ(all.find(folder_.path().string()), std::string::npos)
        << "shows where the files lie: " << all;
  }

  TempFolder folder_;
  FileSourceConfig config_;
  FileSourceContext context_{arrow::default_memory_pool(), MakeBlockingExecutor().ValueOrDie()};
};

ReadRequest InPath(const std::string& path) { return {.path = path}; }

ReadRequest Where(std::vector<Filter> filters) {
  ReadRequest request;
  request.filters = std::move(filters);
  return request;
}

TEST_F(FileSourceTest, ReadsEachFormat) {
  auto table = SomeTable(0, 1000);
  folder_.WriteParquet("a.parquet", table, 300);
  folder_.WriteArrow("a.arrow", table);
  folder_.WriteOrc("a.orc", table);
  for (const char* file : {"a.parquet", "a.arrow", "a.orc"}) {
    SCOPED_TRACE(file);
    ExpectReads(table, InPath(file));
  }
}

TEST_F(FileSourceTest, CsvGetsTypesAndNulls) {
  folder_.Write("a.csv",
                "carrier,delay,ratio,when,day,flag,nothing\n"
                "UA,5,0.5,2013-01-01T10:00:00Z,2013-01-01,true,NA\n"
                "NA,NA,NA,NA,NA,NA,\n"
                ",NULL,null,,,false,NA\n");
  auto batch = Read();
  EXPECT_EQ(batch->schema()->ToString(),
            "carrier: string\ndelay: int64\nratio: double\nwhen: timestamp[s, tz=UTC]\n"
            "day: date32[day]\nflag: bool\nnothing: string");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(batch->column(i)->null_count(), 2) << i;
  EXPECT_EQ(batch->column(6)->null_count(), 3);
}

TEST_F(FileSourceTest, CsvThatIsCompressed) {
  const std::string text = "x,y\n1,a\n2,b\n";
  folder_.Write("plain.csv", text);
  folder_.WriteCompressed("a.csv.gz", text, arrow::Compression::GZIP);
  folder_.WriteCompressed("a.csv.zst", text, arrow::Compression::ZSTD);
  folder_.WriteCompressed("a.csv.zstd", text, arrow::Compression::ZSTD);
  folder_.WriteCompressed("a.csv.bz2", text, arrow::Compression::BZ2);
  folder_.WriteCompressed("a.csv.lz4", text, arrow::Compression::LZ4_FRAME);
  auto expected = Read(InPath("plain.csv"));
  ASSERT_EQ(expected->num_rows(), 2);
  for (const char* file : {"a.csv.gz", "a.csv.zst", "a.csv.zstd", "a.csv.bz2", "a.csv.lz4"}) {
    SCOPED_TRACE(file);
    EXPECT_TRUE(Read(InPath(file))->Equals(*expected));
  }
  EXPECT_EQ(Read()->num_rows(), 12) << "all of them together";
}

TEST_F(FileSourceTest, CsvOptions) {
  config_.format = FileType::kCsv;
  config_.text.delimiter = ';';
  config_.text.header = false;
  config_.text.newlines_in_values = true;
  config_.text.column_types = {{"f0", arrow::utf8()}, {"f1", arrow::decimal128(10, 2)}};
  folder_.Write("a.txt", "007;1.5;\"two\nlines\"\n008;2.25;x\n");
  auto batch = Read(InPath("a.txt"));
  EXPECT_EQ(batch->schema()->ToString(), "f0: string\nf1: decimal128(10, 2)\nf2: string");
  EXPECT_EQ(batch->column(0)->GetScalar(0).ValueOrDie()->ToString(), "007");
  EXPECT_EQ(batch->column(2)->GetScalar(0).ValueOrDie()->ToString(), "two\nlines");
  config_.text.column_names = {"a", "b", "c"};
  EXPECT_EQ(Read(InPath("a.txt"))->schema()->field_names(),
            (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(FileSourceTest, TabsInTsv) {
  folder_.Write("a.tsv", "x\ty\n1\ta,b\n");
  auto batch = Read();
  EXPECT_EQ(batch->schema()->ToString(), "x: int64\ny: string");
}

TEST_F(FileSourceTest, NewlineJson) {
  folder_.Write("a.json", "{\"x\": 1, \"y\": [1, 2], \"z\": {\"q\": \"a\"}}\n{\"x\": null}\n");
  auto batch = Read();
  EXPECT_EQ(batch->num_rows(), 2);
  EXPECT_EQ(batch->schema()->ToString(), "x: int64\ny: list<item: int64>\nz: struct<q: string>");
  folder_.WriteCompressed("b.json.gz", "{\"x\": 2, \"more\": true}\n", arrow::Compression::GZIP);
  EXPECT_EQ(Read()->num_rows(), 3);
  EXPECT_EQ(Read({.columns = {{"x", "more"}}})->num_columns(), 2);
}

TEST_F(FileSourceTest, ColumnsInTheOrderWanted) {
  folder_.WriteParquet("a.parquet", SomeTable(0, 10));
  auto batch = Read({.columns = {{"price", "id"}}});
  EXPECT_EQ(batch->schema()->field_names(), (std::vector<std::string>{"price", "id"}));
  ExpectError({.columns = {{"pricce"}}}, ErrorCode::kBadArgument, {"did you mean 'price'?"});
  ExpectError({.columns = {{"id", "zzzzzz"}}}, ErrorCode::kBadArgument, {"'id', 'name', 'price'"});
}

TEST_F(FileSourceTest, OnlyUsedColumnsAreRead) {
  folder_.WriteParquet("a.parquet", SomeTable(0, 10));
  auto batch = Read({.columns = {{"price", "id"}}, .used_columns = {{"id", "name"}}});
  EXPECT_EQ(batch->schema()->field_names(), (std::vector<std::string>{"id"}));
  batch = Read({.used_columns = std::vector<std::string>{}});
  EXPECT_EQ(batch->num_columns(), 0);
  EXPECT_EQ(batch->num_rows(), 10);
  auto request = Where({{"id", FilterOp::kLess, 4}});
  request.used_columns.emplace();
  EXPECT_EQ(Read(request)->num_rows(), 4);
}

TEST_F(FileSourceTest, FiltersHoldForAllFormatsAlsoForViews) {
  auto table = SomeTable(0, 1000);
  folder_.WriteParquet("a.parquet", table, 100);
  folder_.WriteParquet("views.parquet", SomeTable(0, 1000, true), 100);
  folder_.WriteArrow("a.arrow", table);
  folder_.WriteArrow("views.arrow", SomeTable(0, 1000, true));
  folder_.WriteOrc("a.orc", table);
  std::string csv = "id,name,price\n";
  for (int i = 0; i < 1000; ++i) {
    csv += std::to_string(i) + ",the name of number " + std::to_string(i % 100) + "," +
           (i % 10 == 0 ? "NA" : std::to_string(i * 0.5)) + "\n";
  }
  folder_.Write("a.csv", csv);
  for (const char* file :
       {"a.parquet", "views.parquet", "a.arrow", "views.arrow", "a.orc", "a.csv"}) {
    SCOPED_TRACE(file);
    auto count = [&](std::vector<Filter> filters) {
      auto request = Where(std::move(filters));
      request.path = file;
      return Read(request)->num_rows();
    };
    EXPECT_EQ(count({}), 1000);
    EXPECT_EQ(count({{"id", FilterOp::kEqual, "5"}}), 1);
    EXPECT_EQ(count({{"id", FilterOp::kNotEqual, 5}}), 999);
    EXPECT_EQ(count({{"id", FilterOp::kLess, 5}}), 5);
    EXPECT_EQ(count({{"id", FilterOp::kLessEqual, 5}}), 6);
    EXPECT_EQ(count({{"id", FilterOp::kGreater, 990}}), 9);
    EXPECT_EQ(count({{"id", FilterOp::kGreaterEqual, 990}}), 10);
    EXPECT_EQ(count({{"id", FilterOp::kIn, Value::List{1, 2, 5000}}}), 2);
    EXPECT_EQ(count({{"id", FilterOp::kIn, Value::List{}}}), 0);
    EXPECT_EQ(count({{"price", FilterOp::kIsNull, {}}}), 100);
    EXPECT_EQ(count({{"price", FilterOp::kIsNotNull, {}}}), 900);
    EXPECT_EQ(count({{"name", FilterOp::kEqual, "the name of number 7"}}), 10);
    EXPECT_EQ(count({{"name", FilterOp::kIn, Value::List{"the name of number 7", "x"}}}), 10);
    EXPECT_EQ(count({{"name", FilterOp::kGreater, "the name of number 98"}}), 10);
    EXPECT_EQ(count({{"name", FilterOp::kEqual, "the name of number 7"},
                     {"id", FilterOp::kLess, 200},
                     {"price", FilterOp::kIsNotNull, {}}}),
              2);
    auto request = Where({{"name", FilterOp::kEqual, "the name of number 7"}});
    request.path = file;
    request.columns = {{"price"}};
    auto batch = Read(request);
    EXPECT_EQ(batch->num_rows(), 10);
    EXPECT_EQ(batch->schema()->field_names(), (std::vector<std::string>{"price"}));
  }
}

TEST_F(FileSourceTest, AFilterThatDoesNotFitIsRefusedAlsoForTheSchema) {
  folder_.WriteParquet("a.parquet", SomeTable(0, 10));
  auto request = Where({{"id", FilterOp::kEqual, "x"}});
  EXPECT_EQ(ErrorCodeOf(Source().GetSchema(request).status()), ErrorCode::kBadArgument);
  ExpectError(request, ErrorCode::kBadArgument, {"'id'", "int64", "\"x\""});
}

TEST_F(FileSourceTest, ViewsAreReadAsPlainTexts) {
  folder_.WriteParquet("a.parquet", SomeTable(0, 1000, true));
  ExpectReads(SomeTable(0, 1000));
}

TEST_F(FileSourceTest, TheLimitHolds) {
  folder_.WriteParquet("1.parquet", SomeTable(0, 100));
  folder_.WriteParquet("2.parquet", SomeTable(100, 100));
  for (int64_t limit : {0, 1, 100, 150, 200, 1000}) {
    EXPECT_EQ(Read({.limit = limit})->num_rows(), std::min<int64_t>(limit, 200));
  }
  ReadRequest request = Where({{"id", FilterOp::kGreaterEqual, 90}});
  request.limit = 20;
  auto batch = Read(request);
  EXPECT_EQ(batch->num_rows(), 20);
  EXPECT_EQ(batch->column(0)->GetScalar(19).ValueOrDie()->ToString(), "109");
}

TEST_F(FileSourceTest, RowsComeInTheOrderOfTheFiles) {
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(100 + i);
    folder_.WriteParquet("part-" + number + ".parquet", SomeTable(i * 500, 500), 200);
  }
  ExpectReads(SomeTable(0, 20'000));
}

TEST_F(FileSourceTest, FoldersNamedKeyEqualsValueAreColumns) {
  folder_.WriteParquet("year=2012/m=a%20b/x.parquet", SomeTable(0, 10));
  folder_.WriteParquet("year=2013/m=__HIVE_DEFAULT_PARTITION__/x=y.parquet", SomeTable(10, 10));
  folder_.Write("year=2014/m=c/broken.parquet", "this is no parquet file");
  ExpectError({}, ErrorCode::kCommandFailed, {"'year=2014/m=c/broken.parquet'", "'s'"});
  std::filesystem::remove(folder_ / "year=2014/m=c/broken.parquet");
  // More files than tell the schema, so that this one is not looked at for that.
  for (int i = 0; i < 20; ++i) {
    folder_.WriteParquet("year=2013/m=d/" + std::to_string(100 + i) + ".parquet",
                         SomeTable(20 + i, 1));
  }
  folder_.Write("year=2014/m=c/broken.parquet", "this is no parquet file");

  auto batch = Read(Where({{"year", FilterOp::kEqual, 2012}}));
  EXPECT_EQ(batch->schema()->ToString(),
            "id: int64\nname: string\nprice: double\nyear: int32\nm: string");
  EXPECT_EQ(batch->num_rows(), 10);
  EXPECT_EQ(batch->column(4)->GetScalar(0).ValueOrDie()->ToString(), "a b");
  EXPECT_EQ(Read(Where({{"year", FilterOp::kLess, 2014}}))->num_rows(), 40);
  EXPECT_EQ(
      Read(Where({{"year", FilterOp::kIn, Value::List{2012, 2013}}, {"m", FilterOp::kIsNull, {}}}))
          ->num_rows(),
      10);
  EXPECT_EQ(Read(Where({{"year", FilterOp::kEqual, 1999}}))->num_rows(), 0);
  ExpectError({}, ErrorCode::kCommandFailed, {"'year=2014/m=c/broken.parquet'", "'s'"});

  batch = Read({.path = "year=2012", .columns = {{"year", "id"}}});
  EXPECT_EQ(batch->num_rows(), 10);
  EXPECT_EQ(batch->column(0)->GetScalar(0).ValueOrDie()->ToString(), "2012");
  config_.hive = false;
  EXPECT_EQ(Read(InPath("year=2012"))->num_columns(), 3);
}

TEST_F(FileSourceTest, WhatIsNoFileOfItsFormatIsNamed) {
  folder_.Write("sub/a.parquet", "this is no parquet file");
  folder_.Write("a.arrow", "x");
  folder_.Write("a.orc", "x");
  folder_.Write("a.csv", "");
  folder_.Write("bad.csv", "x,y\n1\n");
  folder_.Write("a.json", "{\"x\": \n");
  folder_.Write("a.csv.gz", "not compressed");
  for (const char* file :
       {"sub/a.parquet", "a.arrow", "a.orc", "a.csv", "bad.csv", "a.json", "a.csv.gz"}) {
    SCOPED_TRACE(file);
    ExpectError(InPath(file), ErrorCode::kCommandFailed, {"'" + std::string(file) + "'", "'s'"});
  }
}

TEST_F(FileSourceTest, BytesThatAreNoTextDoNotGetIntoMessages) {
  folder_.Write("a.csv", "x\n\x01\xff,\x7f\xfe\n");
  auto read = TryRead(InPath("a.csv"));
  EXPECT_EQ(ErrorCodeOf(read.status()), ErrorCode::kCommandFailed);
  for (const unsigned char c : read.status().message()) {
    EXPECT_TRUE(c >= 0x20 && c < 0x7f) << read.status();
  }
}

TEST_F(FileSourceTest, AValueOfAnotherTypeFarBehindIsNamed) {
  std::string csv = "id,delay\n";
  for (int i = 0; i < 600'000; ++i) csv += std::to_string(i) + ",12\n";
  csv += "1,12.5\n";
  folder_.Write("a.csv", csv);
  ExpectError({}, ErrorCode::kCommandFailed, {"'a.csv'", "'delay'", "12.5", "column_types"});
  config_.text.column_types = {{"delay", arrow::float64()}};
  EXPECT_EQ(Read()->num_rows(), 600'001);
}

TEST_F(FileSourceTest, ATruncatedFileFailsWhenItIsReached) {
  folder_.WriteParquet("a.parquet", SomeTable(0, 50'000), 10'000);
  std::fstream file(folder_ / "a.parquet", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(200'000);
  file << std::string(100'000, 'x');
  file.close();
  ExpectError({}, ErrorCode::kCommandFailed, {"'a.parquet'", "'s'"});
}

TEST_F(FileSourceTest, FilesThatDifferAreNamed) {
  folder_.Write("airlines.csv", "carrier,name\nUA,United\n");
  folder_.Write("airports.csv", "faa,name\nEWR,Newark\n");
  ExpectError({}, ErrorCode::kCommandFailed, {"'airports.csv'", "'carrier'"});
  EXPECT_EQ(Read(InPath("airports.csv"))->num_rows(), 1);
}

TEST_F(FileSourceTest, FilesThatDifferAreAlsoFoundWhileReading) {
  for (int i = 0; i < 20; ++i) folder_.Write("a" + std::to_string(100 + i) + ".csv", "x,y\n1,2\n");
  EXPECT_EQ(Read()->num_rows(), 20);
  folder_.Write("b.csv", "x,z\n1,2\n");
  ExpectError({}, ErrorCode::kCommandFailed, {"'b.csv'", "'y'"});
}

TEST_F(FileSourceTest, TypesOfFilesAreWidened) {
  folder_.Write("1.csv", "x\n1\n");
  folder_.Write("2.csv", "x\n1.5\n");
  folder_.Write("3.csv", "x\nNA\n");
  auto batch = Read();
  EXPECT_EQ(batch->schema()->ToString(), "x: double");
  EXPECT_EQ(batch->num_rows(), 3);
}

TEST_F(FileSourceTest, ACancelledReadEnds) {
  folder_.WriteParquet("a.parquet", SomeTable(0, 300'000), 10'000);
  auto source = Source();
  testing::FakeTaskContext task;
  auto reader = source.Read({}, task).ValueOrDie();
  ASSERT_NE(reader->Next().ValueOrDie(), nullptr);
  task.Cancel();
  EXPECT_EQ(ErrorCodeOf(reader->Next().status()), ErrorCode::kCommandCancelled);
}

TEST_F(FileSourceTest, ManyReadsAtOnce) {
  for (int i = 0; i < 10; ++i) {
    folder_.WriteParquet(std::to_string(i) + ".parquet", SomeTable(i * 1000, 1000), 100);
  }
  auto source = Source();
  std::vector<std::thread> readers;
  for (int i = 0; i < 16; ++i) {
    readers.emplace_back([&] {
      testing::FakeTaskContext task;
      auto reader = source.Read({}, task);
      ASSERT_TRUE(reader.ok()) << reader.status();
      EXPECT_EQ((*reader)->ToTable().ValueOrDie()->num_rows(), 10'000);
    });
  }
  for (auto& reader : readers) reader.join();
}

TEST_F(FileSourceTest, MemoryDoesNotGrowWithTheFile) {
  // Random numbers, so that the file is as large as its rows: 32 MiB, in row groups of 256 KiB.
  constexpr int64_t kRows = 4 << 20;
  auto buffer = arrow::AllocateBuffer(kRows * 8).ValueOrDie();
  std::mt19937_64 random(7);
  auto* numbers = reinterpret_cast<uint64_t*>(buffer->mutable_data());
  for (int64_t i = 0; i < kRows; ++i) numbers[i] = random();
  auto column = std::make_shared<arrow::UInt64Array>(kRows, std::move(buffer));
  folder_.WriteParquet(
      "a.parquet",
      arrow::Table::Make(arrow::schema({arrow::field("x", arrow::uint64())}), {column}), 32 << 10);
  // Never destroyed: Arrow's threads may still free buffers of the scan when its reader is gone.
  static auto* pool = new arrow::ProxyMemoryPool(arrow::default_memory_pool());
  context_.memory_pool = pool;
  {
    auto source = Source();
    testing::FakeTaskContext task;
    auto reader = source.Read({}, task).ValueOrDie();
    int64_t rows = 0;
    while (auto batch = reader->Next().ValueOrDie()) rows += batch->num_rows();
    EXPECT_EQ(rows, kRows);
  }
  EXPECT_LT(pool->max_memory(), 24 << 20);
}

TEST_F(FileSourceTest, ListsOneFlightOrOneForEachKindOfFile) {
  folder_.Write("same/1.csv", "x\n1\n");
  folder_.Write("same/2.csv", "x\n2\n");
  folder_.Write("other/1.csv", "x\n1\n");
  folder_.Write("other/2.csv", "y\n2\n");
  auto listings = Source("same").List(10).ValueOrDie();
  ASSERT_EQ(listings.size(), 1u);
  EXPECT_EQ(Value(listings[0].fields).ToJson(), R"({"source":"s"})");
  EXPECT_EQ(listings[0].schema->ToString(), "x: int64");
  EXPECT_EQ(listings[0].bytes, 8);
  listings = Source("other").List(10).ValueOrDie();
  ASSERT_EQ(listings.size(), 2u);
  EXPECT_EQ(Value(listings[1].fields).ToJson(), R"({"path":"2.csv","source":"s"})");
  EXPECT_EQ(listings[1].schema->ToString(), "y: int64");
  EXPECT_EQ(Source("other").List(1).ValueOrDie().size(), 1u);
  EXPECT_TRUE(Source("other").List(0).ValueOrDie().empty());
}

}  // namespace
}  // namespace longbow::connector
