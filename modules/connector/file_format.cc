#include "file_format.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <arrow/dataset/file_csv.h>
#include <arrow/dataset/file_ipc.h>
#include <arrow/dataset/file_json.h>
#include <arrow/dataset/file_orc.h>
#include <arrow/dataset/file_parquet.h>
#include <arrow/type.h>
#include <arrow/util/value_parsing.h>
#include <parquet/properties.h>

#include <longbow/error.h>

namespace longbow::connector {

namespace {

namespace ds = arrow::dataset;

// Text is read in blocks of this size. Types are guessed from the first block, and a row must fit
// into one.
constexpr int32_t kTextBlockBytes = 4 << 20;

struct Ending {
  std::string_view text;
  FileType type;
};
constexpr std::array<Ending, 11> kEndings = {{
    {".parquet", FileType::kParquet},
    {".pq", FileType::kParquet},
    {".csv", FileType::kCsv},
    {".tsv", FileType::kCsv},
    {".json", FileType::kJson},
    {".jsonl", FileType::kJson},
    {".ndjson", FileType::kJson},
    {".arrow", FileType::kArrow},
    {".feather", FileType::kArrow},
    {".ipc", FileType::kArrow},
    {".orc", FileType::kOrc},
}};
constexpr std::array<std::string_view, 5> kCompressions = {".gz", ".zst", ".zstd", ".bz2", ".lz4"};

std::string WithoutCompression(std::string_view file_name) {
  std::string name(file_name);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (auto ending : kCompressions) {
    if (name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
      break;
    }
  }
  return name;
}

std::shared_ptr<ds::FileFormat> MakeCsvFormat(const TextOptions& options,
                                              std::string_view first_file) {
  auto format = std::make_shared<ds::CsvFileFormat>();
  auto scan = std::make_shared<ds::CsvFragmentScanOptions>();
  const char guessed = WithoutCompression(first_file).ends_with(".tsv") ? '\t' : ',';
  format->parse_options.delimiter = options.delimiter.value_or(guessed);
  format->parse_options.newlines_in_values = options.newlines_in_values;
  scan->parse_options = format->parse_options;
  scan->read_options.block_size = kTextBlockBytes;
  if (!options.header) {
    scan->read_options.column_names = options.column_names;
    scan->read_options.autogenerate_column_names = options.column_names.empty();
  }
  scan->convert_options.null_values = options.null_values;
  scan->convert_options.strings_can_be_null = true;
  for (const auto& [name, type] : options.column_types) {
    scan->convert_options.column_types[name] = type;
  }
  format->default_fragment_scan_options = scan;
  return format;
}

std::shared_ptr<ds::FileFormat> MakeParquetFormat() {
  auto format = std::make_shared<ds::ParquetFileFormat>();
  auto scan = std::make_shared<ds::ParquetFragmentScanOptions>();
  // Meant for remote files: it would keep all that was read of the file in memory until its end.
  scan->arrow_reader_properties->set_pre_buffer(false);
  format->default_fragment_scan_options = scan;
  return format;
}

std::shared_ptr<ds::FileFormat> MakeJsonFormat() {
  auto format = std::make_shared<ds::JsonFileFormat>();
  auto scan = std::make_shared<ds::JsonFragmentScanOptions>();
  scan->read_options.block_size = kTextBlockBytes;
  format->default_fragment_scan_options = scan;
  return format;
}

const std::map<std::string_view, std::shared_ptr<arrow::DataType>>& ColumnTypes() {
  static const std::map<std::string_view, std::shared_ptr<arrow::DataType>> types = {
      {"bool", arrow::boolean()},
      {"int32", arrow::int32()},
      {"int64", arrow::int64()},
      {"uint64", arrow::uint64()},
      {"float32", arrow::float32()},
      {"float64", arrow::float64()},
      {"string", arrow::utf8()},
      {"binary", arrow::binary()},
      {"date", arrow::date32()},
      {"time", arrow::time64(arrow::TimeUnit::MICRO)},
      {"timestamp", arrow::timestamp(arrow::TimeUnit::MICRO)},
      {"timestamp_utc", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")},
  };
  return types;
}

// `decimal(precision,scale)`; null for anything else.
std::shared_ptr<arrow::DataType> ParseDecimalType(std::string_view text) {
  if (!text.starts_with("decimal(") || !text.ends_with(")")) return nullptr;
  text = text.substr(8, text.size() - 9);
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return nullptr;
  int32_t precision = 0;
  int32_t scale = 0;
  auto parse = [](std::string_view digits, int32_t* out) {
    return arrow::internal::ParseValue<arrow::Int32Type>(digits.data(), digits.size(), out);
  };
  if (!parse(text.substr(0, comma), &precision) || !parse(text.substr(comma + 1), &scale) ||
      scale < 0 || scale > precision) {
    return nullptr;
  }
  return arrow::Decimal128Type::Make(precision, scale).ValueOr(nullptr);
}

}  // namespace

const std::vector<std::string>& FileTypeNames() {
  static const std::vector<std::string> names = {"parquet", "csv", "json", "arrow", "orc"};
  return names;
}

const std::string& FileTypeName(FileType type) {
  return FileTypeNames()[static_cast<size_t>(type)];
}

std::optional<FileType> FileTypeOfName(std::string_view name) {
  const auto& names = FileTypeNames();
  auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return {};
  return static_cast<FileType>(it - names.begin());
}

std::optional<FileType> FileTypeOfFile(std::string_view file_name) {
  const std::string name = WithoutCompression(file_name);
  for (const auto& ending : kEndings) {
    if (name.ends_with(ending.text)) return ending.type;
  }
  return {};
}

std::shared_ptr<ds::FileFormat> MakeFileFormat(FileType type, const TextOptions& options,
                                               std::string_view first_file) {
  switch (type) {
    case FileType::kParquet:
      return MakeParquetFormat();
    case FileType::kCsv:
      return MakeCsvFormat(options, first_file);
    case FileType::kJson:
      return MakeJsonFormat();
    case FileType::kArrow:
      return std::make_shared<ds::IpcFileFormat>();
    case FileType::kOrc:
      return std::make_shared<ds::OrcFileFormat>();
  }
  return nullptr;
}

arrow::Result<std::pair<std::string, std::shared_ptr<arrow::DataType>>> ParseColumnType(
    std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals != std::string_view::npos && equals > 0) {
    const auto type_name = text.substr(equals + 1);
    auto it = ColumnTypes().find(type_name);
    auto type = it != ColumnTypes().end() ? it->second : ParseDecimalType(type_name);
    if (type != nullptr) return std::pair(std::string(text.substr(0, equals)), type);
  }
  std::string known;
  for (const auto& [name, ignored] : ColumnTypes()) known += std::string(name) + ", ";
  return MakeError(ErrorCode::kBadArgument,
                   "'" + std::string(text) + "' is no column type: write NAME=TYPE with one of " +
                       known + "decimal(PRECISION,SCALE)");
}

}  // namespace longbow::connector
