/// \file
/// Files that the tests of this folder read.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <arrow/adapters/orc/adapter.h>
#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <arrow/util/compression.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

namespace longbow::connector {

/// A folder that is there for the life of the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "longbow-XXXXXX").string();
    path_ = std::filesystem::canonical(mkdtemp(pattern.data()));
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  /// Writes a file, and the folders that it is in.
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void Link(const std::string& name, const std::filesystem::path& target) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::filesystem::create_symlink(target, path_ / name);
  }

  void WriteParquet(const std::string& name, const std::shared_ptr<arrow::Table>& table,
                    int64_t row_group_rows = 1 << 20) const {
    auto properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), Create(name),
                                           row_group_rows, parquet::default_writer_properties(),
                                           properties)
                    .ok());
  }
  void WriteArrow(const std::string& name, const std::shared_ptr<arrow::Table>& table) const {
    auto writer = arrow::ipc::MakeFileWriter(Create(name), table->schema()).ValueOrDie();
    ASSERT_TRUE(writer->WriteTable(*table).ok());
    ASSERT_TRUE(writer->Close().ok());
  }
  void WriteOrc(const std::string& name, const std::shared_ptr<arrow::Table>& table) const {
    auto file = Create(name);
    auto writer = arrow::adapters::orc::ORCFileWriter::Open(file.get()).ValueOrDie();
    ASSERT_TRUE(writer->Write(*table).ok());
    ASSERT_TRUE(writer->Close().ok());
  }
  void WriteCompressed(const std::string& name, const std::string& text,
                       arrow::Compression::type compression) const {
    auto codec = arrow::util::Codec::Create(compression).ValueOrDie();
    auto out = arrow::io::CompressedOutputStream::Make(codec.get(), Create(name)).ValueOrDie();
    ASSERT_TRUE(out->Write(text).ok());
    ASSERT_TRUE(out->Close().ok());
  }

 private:
  std::shared_ptr<arrow::io::FileOutputStream> Create(const std::string& name) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    return arrow::io::FileOutputStream::Open((path_ / name).string()).ValueOrDie();
  }

  std::filesystem::path path_;
};

/// Rows `first` to `first + rows` of a table with columns `id` (int64), `name` (string, or string
/// views), `price` (float64, null in each tenth row).
inline std::shared_ptr<arrow::Table> SomeTable(int64_t first, int64_t rows, bool views = false) {
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  arrow::StringViewBuilder name_views;
  arrow::DoubleBuilder prices;
  for (int64_t i = first; i < first + rows; ++i) {
    const std::string name = "the name of number " + std::to_string(i % 100);
    EXPECT_TRUE(ids.Append(i).ok());
    EXPECT_TRUE(views ? name_views.Append(name).ok() : names.Append(name).ok());
    EXPECT_TRUE(i % 10 == 0 ? prices.AppendNull().ok() : prices.Append(i * 0.5).ok());
  }
  auto name_column = views ? name_views.Finish().ValueOrDie() : names.Finish().ValueOrDie();
  auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", name_column->type()),
                     arrow::field("price", arrow::float64())});
  return arrow::Table::Make(schema,
                            {ids.Finish().ValueOrDie(), name_column, prices.Finish().ValueOrDie()});
}

}  // namespace longbow::connector
