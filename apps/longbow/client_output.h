/// \file
/// Where a result goes, and how it is shown there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <arrow/io/type_fwd.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "client_interrupt.h"
#include "client_progress.h"
#include "result_writer.h"

namespace longbow::client {

struct OutputOptions {
  std::string format;            ///< a name, or nothing: chosen by `ChooseFormat`
  std::string file;              ///< nothing: standard output
  std::optional<int64_t> limit;  ///< rows; 0: all; nothing: 40 of a table on a terminal, else all
};

/// The place, opened. A file appears under its name when `Commit` is called, not before; what is
/// not committed is removed.
class Output {
 public:
  /// Errors: usage for a format that is none, or binary output to a terminal; what the file system
  /// says.
  ///
  /// \param interrupts outlives it; may be null. An interrupt removes what is not committed, too.
  static arrow::Result<std::unique_ptr<Output>> Open(const OutputOptions& options,
                                                     InterruptGuard* interrupts);
  ~Output();

  Format format() const { return format_; }
  bool to_terminal() const { return to_terminal_; }
  const TableStyle& style() const { return style_; }
  /// Rows to show; 0: all.
  int64_t limit() const { return limit_; }
  arrow::io::OutputStream* stream() { return stream_.get(); }

  /// Writes out what is buffered, and gives the file its name. Errors: EPIPE where the reader of
  /// the pipe has gone.
  arrow::Status Commit();

 private:
  Output() = default;
  Format format_ = Format::kTable;
  bool to_terminal_ = false;
  TableStyle style_;
  int64_t limit_ = 0;
  std::string file_;
  std::string temporary_file_;
  std::shared_ptr<arrow::io::OutputStream> stream_;
  InterruptGuard::Cleanup cleanup_;
};

/// The format named, or the one of the file's ending, or a table on a terminal, or CSV.
arrow::Result<Format> ChooseFormat(const OutputOptions& options, bool to_terminal);

/// What came out.
struct Shown {
  int64_t rows = 0;
  /// Rows beyond the limit that were counted.
  int64_t more_rows = 0;
  /// Whether there may be still more than were counted.
  bool more_unknown = false;
  int hidden_columns = 0;
};

/// Writes `reader` to `output` up to its limit. Rows beyond it are counted from `total_rows` (-1:
/// not known), or by reading on for at most half a second. Does not commit. Blocks.
arrow::Result<Shown> ShowResult(arrow::RecordBatchReader* reader, int64_t total_rows,
                                Progress* progress, Output* output);

/// `16 rows, 0.213 s`, and what was left out; for standard error.
std::string Summary(const Shown& shown, double elapsed_sec);

/// One batch that was made here (a list, a receipt), shown in the same way, and committed.
arrow::Status ShowBatch(const std::shared_ptr<arrow::RecordBatch>& batch, Output* output);

/// Whether the environment's locale is UTF-8.
bool LocaleIsUtf8();

}  // namespace longbow::client
