#include "client_output.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/io_util.h>

#include "client_failure.h"
#include "display_text.h"

namespace longbow::client {
namespace {

constexpr int64_t kTerminalRows = 40;
constexpr int64_t kBufferBytes = 256 << 10;
constexpr int kUnknownTerminalWidth = 80;
constexpr std::chrono::milliseconds kCountFor{500};

int TerminalWidth() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int width = columns == nullptr ? 0 : std::atoi(columns);
  return width > 0 ? width : kUnknownTerminalWidth;
}

bool WantsColour() {
  const char* term = std::getenv("TERM");
  const char* no_colour = std::getenv("NO_COLOR");
  return term != nullptr && std::string_view(term) != "dumb" &&
         (no_colour == nullptr || *no_colour == '\0');
}

// Standard output, which may be a pipe: Arrow's own file streams want to know where they are.
class StandardOutput : public arrow::io::OutputStream {
 public:
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }

  arrow::Status Write(const void* data, int64_t bytes) override {
    const auto* from = static_cast<const char*>(data);
    int64_t done = 0;
    while (done < bytes) {
      const ssize_t put = ::write(STDOUT_FILENO, from + done, static_cast<size_t>(bytes - done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return arrow::internal::IOErrorFromErrno(errno, "cannot write standard output");
      done += put;
    }
    position_ += bytes;
    return arrow::Status::OK();
  }
  using arrow::io::OutputStream::Write;

 private:
  bool closed_ = false;
  int64_t position_ = 0;
};

arrow::Result<std::shared_ptr<arrow::io::OutputStream>> Buffered(
    std::shared_ptr<arrow::io::OutputStream> raw) {
  return arrow::io::BufferedOutputStream::Create(kBufferBytes, arrow::default_memory_pool(),
                                                 std::move(raw));
}

}  // namespace

bool LocaleIsUtf8() {
  // The first of these that is set decides, as in setlocale().
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string text(value);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
  }
  return false;
}

arrow::Result<Format> ChooseFormat(const OutputOptions& options, bool to_terminal) {
  if (!options.format.empty()) {
    if (auto format = FormatFromName(options.format)) return *format;
    return UsageError("--format '" + options.format +
                      "' is none of table, csv, json, arrow, parquet");
  }
  if (!options.file.empty()) {
    if (auto format = FormatFromFileName(options.file)) return *format;
    return UsageError("--output '" + options.file +
                      "' has no ending that tells its format; add --format");
  }
  return to_terminal ? Format::kTable : Format::kCsv;
}

arrow::Result<std::unique_ptr<Output>> Output::Open(const OutputOptions& options,
                                                    InterruptGuard* interrupts) {
  std::unique_ptr<Output> output(new Output());
  output->to_terminal_ = options.file.empty() && isatty(STDOUT_FILENO) == 1;
  ARROW_ASSIGN_OR_RAISE(output->format_, ChooseFormat(options, output->to_terminal_));
  const bool binary = output->format_ == Format::kArrow || output->format_ == Format::kParquet;
  if (binary && output->to_terminal_) {
    return UsageError("this would write binary data to the terminal; add --output FILE or a pipe");
  }
  if (output->to_terminal_) {
    output->style_.max_width = TerminalWidth();
    output->style_.colour = WantsColour();
  }
  output->style_.unicode = LocaleIsUtf8();
  const bool table_on_terminal = output->to_terminal_ && output->format_ == Format::kTable;
  output->limit_ = options.limit.value_or(table_on_terminal ? kTerminalRows : 0);
  std::shared_ptr<arrow::io::OutputStream> raw;
  if (options.file.empty()) {
    raw = std::make_shared<StandardOutput>();
  } else {
    output->file_ = options.file;
    output->temporary_file_ = options.file + ".partial";
    if (interrupts != nullptr) {
      output->cleanup_ =
          interrupts->OnInterrupt([name = output->temporary_file_] { std::remove(name.c_str()); });
    }
    ARROW_ASSIGN_OR_RAISE(raw, arrow::io::FileOutputStream::Open(output->temporary_file_));
  }
  ARROW_ASSIGN_OR_RAISE(output->stream_, Buffered(std::move(raw)));
  return output;
}

Output::~Output() {
  // After an error the rest is dropped: what was to be said about it has been.
  if (stream_ != nullptr) {
    const arrow::Status ignored = stream_->Abort();
    (void)ignored;
  }
  if (!temporary_file_.empty()) std::remove(temporary_file_.c_str());
}

arrow::Status Output::Commit() {
  auto stream = std::move(stream_);
  ARROW_RETURN_NOT_OK(stream->Close());
  if (temporary_file_.empty()) return arrow::Status::OK();
  cleanup_.Release();
  if (std::rename(temporary_file_.c_str(), file_.c_str()) != 0) {
    return arrow::internal::IOErrorFromErrno(errno, "cannot write '", file_, "'");
  }
  temporary_file_.clear();
  return arrow::Status::OK();
}

namespace {

// What lies beyond the limit: from the total, or by reading on for a moment.
arrow::Status CountRest(arrow::RecordBatchReader* reader, int64_t total_rows, int64_t rows_read,
                        Shown* shown) {
  if (total_rows >= 0) {
    shown->more_rows = std::max<int64_t>(0, total_rows - shown->rows);
    return arrow::Status::OK();
  }
  shown->more_rows = rows_read - shown->rows;
  const auto until = std::chrono::steady_clock::now() + kCountFor;
  while (std::chrono::steady_clock::now() < until) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) return arrow::Status::OK();
    shown->more_rows += batch->num_rows();
  }
  shown->more_unknown = true;
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<Shown> ShowResult(arrow::RecordBatchReader* reader, int64_t total_rows,
                                Progress* progress, Output* output) {
  ARROW_ASSIGN_OR_RAISE(auto writer, MakeResultWriter(output->format(), reader->schema(),
                                                      output->style(), output->stream()));
  Shown shown;
  int64_t rows_read = 0;
  const int64_t limit = output->limit();
  while (limit == 0 || rows_read < limit) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) break;
    if (rows_read == 0) progress->SetVerb("receiving");
    progress->Add(batch->num_rows(), arrow::util::TotalBufferSize(*batch));
    rows_read += batch->num_rows();
    if (limit > 0 && rows_read > limit) {
      batch = batch->Slice(0, limit - shown.rows);
    }
    shown.rows += batch->num_rows();
    // Progress and a result on the same terminal would write over each other.
    if (output->to_terminal()) progress->Hide();
    ARROW_RETURN_NOT_OK(writer->Write(batch));
  }
  if (output->to_terminal()) progress->Hide();
  ARROW_RETURN_NOT_OK(writer->Finish());
  ARROW_RETURN_NOT_OK(output->stream()->Flush());
  shown.hidden_columns = writer->hidden_columns();
  if (limit > 0 && rows_read >= limit) {
    ARROW_RETURN_NOT_OK(CountRest(reader, total_rows, rows_read, &shown));
  }
  progress->Hide();
  return shown;
}

std::string Summary(const Shown& shown, double elapsed_sec) {
  char time[32];
  std::snprintf(time, sizeof(time), "%.3f s", elapsed_sec);
  std::string text = GroupedNumber(shown.rows) + (shown.rows == 1 ? " row" : " rows");
  if (shown.more_rows > 0 || shown.more_unknown) {
    text += " shown, " + std::string(shown.more_unknown ? "at least " : "") +
            GroupedNumber(shown.more_rows) + " more (--limit 0 shows all)";
  }
  if (shown.hidden_columns > 0) {
    text += ", " + std::to_string(shown.hidden_columns) +
            (shown.hidden_columns == 1 ? " column" : " columns") +
            " at the right did not fit (--format json shows all)";
  }
  return text + ", " + time + "\n";
}

arrow::Status ShowBatch(const std::shared_ptr<arrow::RecordBatch>& batch, Output* output) {
  TableStyle style = output->style();
  style.types = false;
  ARROW_ASSIGN_OR_RAISE(
      auto writer, MakeResultWriter(output->format(), batch->schema(), style, output->stream()));
  ARROW_RETURN_NOT_OK(writer->Write(batch));
  ARROW_RETURN_NOT_OK(writer->Finish());
  return output->Commit();
}

}  // namespace longbow::client
