#include "data_file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <arrow/util/compression.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include "client_failure.h"
#include "commands.h"

namespace longbow::client {
namespace {

class DataFileTest : public testing::Test {
 protected:
  DataFileTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("longbow-data-file-" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(folder_);
  }
  ~DataFileTest() override { std::filesystem::remove_all(folder_); }

  std::string PathOf(const std::string& name) const { return folder_ / name; }
  std::string WriteText(const std::string& name, const std::string& text) const {
    std::ofstream(PathOf(name), std::ios::binary) << text;
    return PathOf(name);
  }

  static std::shared_ptr<arrow::Table> Sample() {
    arrow::Int64Builder builder;
    EXPECT_TRUE(builder.AppendValues({1, 2, 3}).ok());
    return arrow::Table::Make(arrow::schema({arrow::field("n", arrow::int64())}),
                              {*builder.Finish()});
  }

  static int64_t RowsOf(const std::string& path, std::optional<DataFormat> format = {}) {
    auto reader = OpenDataFile(path, format);
    EXPECT_TRUE(reader.ok()) << reader.status();
    if (!reader.ok()) return -1;
    auto table = (*reader)->ToTable();
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? (*table)->num_rows() : -1;
  }

  std::filesystem::path folder_;
};

TEST_F(DataFileTest, ReadsCsvAndItsCompressedForms) {
  const std::string csv = "a,b\n1,x\n2,NA\n";
  EXPECT_EQ(RowsOf(WriteText("t.csv", csv)), 2);
  auto codec = *arrow::util::Codec::Create(arrow::Compression::GZIP);
  std::string packed(
      static_cast<size_t>(codec->MaxCompressedLen(static_cast<int64_t>(csv.size()),
                                                  reinterpret_cast<const uint8_t*>(csv.data()))),
      '\0');
  packed.resize(static_cast<size_t>(*codec->Compress(
      static_cast<int64_t>(csv.size()), reinterpret_cast<const uint8_t*>(csv.data()),
      static_cast<int64_t>(packed.size()), reinterpret_cast<uint8_t*>(packed.data()))));
  EXPECT_EQ(RowsOf(WriteText("t.csv.gz", packed)), 2);
}

TEST_F(DataFileTest, ReadsNewlineJson) {
  EXPECT_EQ(RowsOf(WriteText("t.jsonl", "{\"a\":1}\n{\"a\":2}\n")), 2);
  EXPECT_EQ(RowsOf(WriteText("data", "{\"a\":1}\n"), DataFormat::kJson), 1);
}

TEST_F(DataFileTest, ReadsArrowFilesAndStreams) {
  for (const bool stream : {false, true}) {
    auto out = *arrow::io::FileOutputStream::Open(PathOf("t.arrow"));
    auto schema = Sample()->schema();
    auto writer = stream ? *arrow::ipc::MakeStreamWriter(out, schema)
                         : *arrow::ipc::MakeFileWriter(out, schema);
    ASSERT_TRUE(writer->WriteTable(*Sample()).ok());
    ASSERT_TRUE(writer->Close().ok());
    ASSERT_TRUE(out->Close().ok());
    EXPECT_EQ(RowsOf(PathOf("t.arrow")), 3);
  }
}

TEST_F(DataFileTest, ReadsParquet) {
  auto out = *arrow::io::FileOutputStream::Open(PathOf("t.parquet"));
  ASSERT_TRUE(parquet::arrow::WriteTable(*Sample(), arrow::default_memory_pool(), out, 1024).ok());
  ASSERT_TRUE(out->Close().ok());
  EXPECT_EQ(RowsOf(PathOf("t.parquet")), 3);
}

TEST_F(DataFileTest, RefusesWhatItCannotRead) {
  for (const std::string& path : {PathOf("missing.csv"), WriteText("t.xyz", "x")}) {
    auto reader = OpenDataFile(path);
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(DescribeFailure(reader.status(), "").exit_code, app::kExitUsage) << path;
  }
  auto reader = OpenDataFile(WriteText("broken.parquet", "PAR1 no it is not"));
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(DescribeFailure(reader.status(), "").exit_code, app::kExitFailure);
}

TEST(DataFormatTest, IsFoundByEnding) {
  EXPECT_EQ(DataFormatFromFileName("a.parquet"), DataFormat::kParquet);
  EXPECT_EQ(DataFormatFromFileName("a.csv.zst"), DataFormat::kCsv);
  EXPECT_EQ(DataFormatFromFileName("dir/a.feather"), DataFormat::kArrow);
  EXPECT_FALSE(DataFormatFromFileName("a.parquet.gz").has_value());
  EXPECT_FALSE(DataFormatFromFileName(".csv").has_value());
  EXPECT_FALSE(DataFormatFromFileName("csv").has_value());
}

}  // namespace
}  // namespace longbow::client
