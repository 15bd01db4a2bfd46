#include "data_file.h"

#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arrow/api.h>
#include <arrow/csv/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <arrow/json/api.h>
#include <arrow/util/compression.h>
#include <arrow/util/io_util.h>
#include <parquet/arrow/reader.h>

#include "client_failure.h"

namespace longbow::client {
namespace {

constexpr int32_t kInferenceBytes = 16 << 20;

struct Ending {
  std::string_view text;
  DataFormat format;
};
constexpr Ending kEndings[] = {
    {".parquet", DataFormat::kParquet}, {".csv", DataFormat::kCsv},
    {".json", DataFormat::kJson},       {".ndjson", DataFormat::kJson},
    {".jsonl", DataFormat::kJson},      {".arrow", DataFormat::kArrow},
    {".arrows", DataFormat::kArrow},    {".feather", DataFormat::kArrow},
    {".ipc", DataFormat::kArrow},
};

struct Compressed {
  std::string_view ending;
  arrow::Compression::type type;
};
constexpr Compressed kCompressions[] = {
    {".gz", arrow::Compression::GZIP},
    {".zst", arrow::Compression::ZSTD},
    {".bz2", arrow::Compression::BZ2},
    {".lz4", arrow::Compression::LZ4_FRAME},
};

bool EndsWith(std::string_view text, std::string_view ending) {
  return text.size() > ending.size() && text.substr(text.size() - ending.size()) == ending;
}

arrow::Compression::type CompressionOf(std::string_view* name) {
  for (const Compressed& compressed : kCompressions) {
    if (!EndsWith(*name, compressed.ending)) continue;
    name->remove_suffix(compressed.ending.size());
    return compressed.type;
  }
  return arrow::Compression::UNCOMPRESSED;
}

using Reader = std::shared_ptr<arrow::RecordBatchReader>;

// Standard input, which may be a pipe: Arrow's own file streams want to seek.
class StandardInput : public arrow::io::InputStream {
 public:
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }

  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    int64_t done = 0;
    while (done < bytes) {
      const ssize_t got =
          ::read(STDIN_FILENO, static_cast<char*>(out) + done, static_cast<size_t>(bytes - done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return arrow::internal::IOErrorFromErrno(errno, "cannot read standard input");
      if (got == 0) break;
      done += got;
    }
    position_ += done;
    return done;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, Read(bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  bool closed_ = false;
  int64_t position_ = 0;
};

// The reader of an Arrow file as one of a stream.
class ArrowFileReader : public arrow::RecordBatchReader {
 public:
  explicit ArrowFileReader(std::shared_ptr<arrow::ipc::RecordBatchFileReader> file)
      : file_(std::move(file)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return file_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    if (next_ == file_->num_record_batches()) return arrow::Status::OK();
    return file_->ReadRecordBatch(next_++).Value(batch);
  }

 private:
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> file_;
  int next_ = 0;
};

// Parquet's reader does not keep what it reads from.
class ParquetReader : public arrow::RecordBatchReader {
 public:
  static arrow::Result<Reader> Open(std::shared_ptr<arrow::io::RandomAccessFile> file) {
    auto self = std::make_shared<ParquetReader>();
    parquet::arrow::FileReaderBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Open(std::move(file)));
    parquet::ArrowReaderProperties properties;
    properties.set_batch_size(64 << 10);
    builder.properties(properties);
    ARROW_ASSIGN_OR_RAISE(self->file_, builder.Build());
    ARROW_ASSIGN_OR_RAISE(self->batches_, self->file_->GetRecordBatchReader());
    return self;
  }
  std::shared_ptr<arrow::Schema> schema() const override { return batches_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return batches_->ReadNext(batch);
  }

 private:
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

arrow::Result<Reader> OpenArrowFile(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file,
                        arrow::io::MemoryMappedFile::Open(path, arrow::io::FileMode::READ));
  constexpr std::string_view kMagic = "ARROW1";
  ARROW_ASSIGN_OR_RAISE(auto head, file->ReadAt(0, static_cast<int64_t>(kMagic.size())));
  if (std::string_view(*head) == kMagic) {
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(file));
    return std::make_shared<ArrowFileReader>(std::move(reader));
  }
  return arrow::ipc::RecordBatchStreamReader::Open(std::move(file));
}

arrow::Result<Reader> OpenStream(std::shared_ptr<arrow::io::InputStream> input, DataFormat format) {
  switch (format) {
    case DataFormat::kCsv: {
      auto read = arrow::csv::ReadOptions::Defaults();
      read.block_size = kInferenceBytes;
      return arrow::csv::StreamingReader::Make(arrow::io::default_io_context(), std::move(input),
                                               read, arrow::csv::ParseOptions::Defaults(),
                                               arrow::csv::ConvertOptions::Defaults());
    }
    case DataFormat::kJson: {
      auto read = arrow::json::ReadOptions::Defaults();
      read.block_size = kInferenceBytes;
      return arrow::json::StreamingReader::Make(std::move(input), read,
                                                arrow::json::ParseOptions::Defaults());
    }
    case DataFormat::kArrow:
      return arrow::ipc::RecordBatchStreamReader::Open(input);
    case DataFormat::kParquet:
      break;
  }
  return UsageError("Parquet cannot be read from a stream: name a file that is not compressed");
}

}  // namespace

std::optional<DataFormat> DataFormatFromName(std::string_view name) {
  if (name == "parquet") return DataFormat::kParquet;
  if (name == "csv") return DataFormat::kCsv;
  if (name == "json" || name == "ndjson" || name == "jsonl") return DataFormat::kJson;
  if (name == "arrow") return DataFormat::kArrow;
  return {};
}

std::optional<DataFormat> DataFormatFromFileName(std::string_view name) {
  const bool compressed = CompressionOf(&name) != arrow::Compression::UNCOMPRESSED;
  for (const Ending& ending : kEndings) {
    if (!EndsWith(name, ending.text)) continue;
    if (compressed && ending.format == DataFormat::kParquet) return {};
    return ending.format;
  }
  return {};
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> OpenDataFile(
    const std::string& path, std::optional<DataFormat> format) {
  if (path == "-") {
    auto reader =
        OpenStream(std::make_shared<StandardInput>(), format.value_or(DataFormat::kArrow));
    if (reader.ok() || format) return reader;
    return reader.status().WithMessage(
        "standard input is no Arrow stream (--format says what else "
        "it is): ",
        reader.status().message());
  }
  if (!format) format = DataFormatFromFileName(path);
  if (!format) {
    return UsageError("'" + path +
                      "' has no ending that tells what is in it (.parquet, .csv, "
                      ".json, .arrow); say it with --format");
  }
  if (access(path.c_str(), R_OK) != 0) {
    return UsageError("cannot read '" + path + "': " + std::strerror(errno));
  }
  std::string_view name = path;
  const auto compression = CompressionOf(&name);
  if (compression != arrow::Compression::UNCOMPRESSED) {
    ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
    ARROW_ASSIGN_OR_RAISE(auto codec, arrow::util::Codec::Create(compression));
    // The stream keeps no reference to the codec beyond its decompressor.
    ARROW_ASSIGN_OR_RAISE(auto input,
                          arrow::io::CompressedInputStream::Make(codec.get(), std::move(file)));
    return OpenStream(std::move(input), *format);
  }
  if (*format == DataFormat::kArrow) return OpenArrowFile(path);
  ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
  if (*format == DataFormat::kParquet) return ParquetReader::Open(std::move(file));
  return OpenStream(std::move(file), *format);
}

}  // namespace longbow::client
