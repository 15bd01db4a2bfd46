#include "result_writer.h"

#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "cell_text.h"

namespace longbow::client {
namespace {

// Text is handed on in pieces of about this size.
constexpr size_t kFlushBytes = 64 << 10;
constexpr int64_t kLayoutRows = 1000;

class TableWriter : public ResultWriter {
 public:
  TableWriter(const std::shared_ptr<arrow::Schema>& schema, const TableStyle& style,
              arrow::io::OutputStream* out)
      : table_(schema, style), out_(out) {}

  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch) override {
    if (laid_out_) return WriteRows(*batch);
    // Only so many rows are kept, whatever the size of a batch.
    const int64_t taken = std::min(batch->num_rows(), kLayoutRows - kept_rows_);
    kept_.push_back(batch->Slice(0, taken));
    kept_rows_ += taken;
    if (kept_rows_ < kLayoutRows) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(WriteKept());
    return taken < batch->num_rows() ? WriteRows(*batch->Slice(taken)) : arrow::Status::OK();
  }

  arrow::Status Finish() override { return laid_out_ ? arrow::Status::OK() : WriteKept(); }
  int hidden_columns() const override { return table_.hidden_columns(); }

 private:
  arrow::Status WriteKept() {
    laid_out_ = true;
    table_.Layout(kept_);
    std::string text;
    table_.AppendHead(&text);
    ARROW_RETURN_NOT_OK(out_->Write(text));
    for (const auto& batch : kept_) ARROW_RETURN_NOT_OK(WriteRows(*batch));
    kept_.clear();
    return out_->Flush();
  }

  arrow::Status WriteRows(const arrow::RecordBatch& batch) {
    for (int64_t row = 0; row < batch.num_rows(); row += kLayoutRows) {
      std::string text;
      table_.AppendRows(*batch.Slice(row, kLayoutRows), &text);
      ARROW_RETURN_NOT_OK(out_->Write(text));
    }
    return arrow::Status::OK();
  }

  Table table_;
  arrow::io::OutputStream* out_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> kept_;
  int64_t kept_rows_ = 0;
  bool laid_out_ = false;
};

// Quotes what would otherwise be taken for structure, or for null.
void AppendCsvField(std::string_view text, bool is_text, std::string* out) {
  const bool quote = (is_text && text.empty()) ||
                     text.find_first_of("\",\n\r") != std::string_view::npos ||
                     (!text.empty() && (text.front() == ' ' || text.back() == ' '));
  if (!quote) {
    out->append(text);
    return;
  }
  out->push_back('"');
  for (const char c : text) {
    if (c == '"') out->push_back('"');
    out->push_back(c);
  }
  out->push_back('"');
}

// What CSV and JSON share: rows appended to a text that is handed on when it is large enough.
class LineWriter : public ResultWriter {
 public:
  explicit LineWriter(arrow::io::OutputStream* out) : out_(out) {}

  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch) override {
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      AppendRow(*batch, row, &text_);
      if (text_.size() >= kFlushBytes) ARROW_RETURN_NOT_OK(HandOn());
    }
    // A slow result is seen as it comes.
    ARROW_RETURN_NOT_OK(HandOn());
    return out_->Flush();
  }
  arrow::Status Finish() override {
    ARROW_RETURN_NOT_OK(HandOn());
    return out_->Flush();
  }

 protected:
  virtual void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) = 0;
  std::string text_;

 private:
  arrow::Status HandOn() {
    if (text_.empty()) return arrow::Status::OK();
    const arrow::Status written = out_->Write(text_);
    text_.clear();
    return written;
  }
  arrow::io::OutputStream* out_;
};

class CsvWriter : public LineWriter {
 public:
  CsvWriter(const arrow::Schema& schema, arrow::io::OutputStream* out) : LineWriter(out) {
    for (int i = 0; i < schema.num_fields(); ++i) {
      if (i > 0) text_.push_back(',');
      AppendCsvField(schema.field(i)->name(), /*is_text=*/true, &text_);
    }
    text_.push_back('\n');
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    for (int i = 0; i < batch.num_columns(); ++i) {
      if (i > 0) out->push_back(',');
      const arrow::Array& array = *batch.column(i);
      if (IsNullCell(array, row)) continue;
      cell_.clear();
      AppendCellText(array, row, &cell_);
      AppendCsvField(cell_, /*is_text=*/true, out);
    }
    out->push_back('\n');
  }

 private:
  std::string cell_;
};

class JsonWriter : public LineWriter {
 public:
  JsonWriter(const arrow::Schema& schema, arrow::io::OutputStream* out) : LineWriter(out) {
    for (const auto& field : schema.fields()) {
      std::string key = keys_.empty() ? "{" : ",";
      AppendJsonString(field->name(), &key);
      key.push_back(':');
      keys_.push_back(std::move(key));
    }
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    if (keys_.empty()) out->push_back('{');
    for (int i = 0; i < batch.num_columns(); ++i) {
      out->append(keys_[static_cast<size_t>(i)]);
      AppendCellJson(*batch.column(i), row, out);
    }
    out->append("}\n");
  }

 private:
  std::vector<std::string> keys_;
};

class ArrowStreamWriter : public ResultWriter {
 public:
  ArrowStreamWriter(std::shared_ptr<arrow::ipc::RecordBatchWriter> writer,
                    arrow::io::OutputStream* out)
      : writer_(std::move(writer)), out_(out) {}
  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch) override {
    return writer_->WriteRecordBatch(*batch);
  }
  arrow::Status Finish() override {
    ARROW_RETURN_NOT_OK(writer_->Close());
    return out_->Flush();
  }

 private:
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
  arrow::io::OutputStream* out_;
};

class ParquetWriter : public ResultWriter {
 public:
  ParquetWriter(std::unique_ptr<parquet::arrow::FileWriter> writer, arrow::io::OutputStream* out)
      : writer_(std::move(writer)), out_(out) {}
  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch) override {
    return writer_->WriteRecordBatch(*batch);
  }
  arrow::Status Finish() override {
    ARROW_RETURN_NOT_OK(writer_->Close());
    return out_->Flush();
  }

 private:
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  arrow::io::OutputStream* out_;
};

// The writers of Arrow and Parquet want to share the stream; it outlives them, as agreed.
std::shared_ptr<arrow::io::OutputStream> Borrow(arrow::io::OutputStream* out) {
  return {std::shared_ptr<void>(), out};
}

arrow::Result<std::unique_ptr<ResultWriter>> MakeParquetWriter(
    const std::shared_ptr<arrow::Schema>& schema, arrow::io::OutputStream* out) {
  auto properties = parquet::WriterProperties::Builder()
                        .compression(parquet::Compression::ZSTD)
                        ->max_row_group_length(int64_t{1} << 20)
                        ->build();
  auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  ARROW_ASSIGN_OR_RAISE(
      auto writer, parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(),
                                                    Borrow(out), properties, arrow_properties));
  return std::make_unique<ParquetWriter>(std::move(writer), out);
}

bool EndsWith(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

}  // namespace

std::optional<Format> FormatFromName(std::string_view name) {
  if (name == "table") return Format::kTable;
  if (name == "csv") return Format::kCsv;
  if (name == "json" || name == "ndjson" || name == "jsonl") return Format::kJson;
  if (name == "arrow") return Format::kArrow;
  if (name == "parquet") return Format::kParquet;
  return {};
}

std::optional<Format> FormatFromFileName(std::string_view name) {
  if (EndsWith(name, ".txt")) return Format::kTable;
  if (EndsWith(name, ".csv")) return Format::kCsv;
  for (const char* ending : {".json", ".jsonl", ".ndjson"}) {
    if (EndsWith(name, ending)) return Format::kJson;
  }
  for (const char* ending : {".arrow", ".arrows", ".feather", ".ipc"}) {
    if (EndsWith(name, ending)) return Format::kArrow;
  }
  if (EndsWith(name, ".parquet")) return Format::kParquet;
  return {};
}

arrow::Result<std::unique_ptr<ResultWriter>> MakeResultWriter(
    Format format, const std::shared_ptr<arrow::Schema>& schema, const TableStyle& style,
    arrow::io::OutputStream* out) {
  switch (format) {
    case Format::kTable:
      return std::make_unique<TableWriter>(schema, style, out);
    case Format::kCsv:
      return std::make_unique<CsvWriter>(*schema, out);
    case Format::kJson:
      return std::make_unique<JsonWriter>(*schema, out);
    case Format::kArrow: {
      ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(out, schema));
      return std::make_unique<ArrowStreamWriter>(std::move(writer), out);
    }
    case Format::kParquet:
      return MakeParquetWriter(schema, out);
  }
  return arrow::Status::Invalid("no such format");
}

}  // namespace longbow::client
