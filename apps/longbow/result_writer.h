/// \file
/// Writes a result batch by batch, in the format that the user chose. None of the writers holds the
/// whole result.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <arrow/io/type_fwd.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "table.h"

namespace longbow::client {

enum class Format { kTable, kCsv, kJson, kArrow, kParquet };

/// `table`, `csv`, `json` (also `ndjson`, `jsonl`), `arrow`, `parquet`; nothing for another name.
std::optional<Format> FormatFromName(std::string_view name);
/// By a file's ending: `.csv`, `.json`, `.jsonl`, `.ndjson`, `.arrow`, `.arrows`, `.feather`,
/// `.ipc`, `.parquet`, `.txt` (a table); nothing for another one.
std::optional<Format> FormatFromFileName(std::string_view name);

/// Takes the batches of one result in order. One thread at a time; writing may block.
/// Errors of the stream are passed on.
class ResultWriter {
 public:
  virtual ~ResultWriter() = default;
  virtual arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch) = 0;
  /// After the last batch. Does not close the stream.
  virtual arrow::Status Finish() = 0;
  /// Of a table: columns that found no room.
  virtual int hidden_columns() const { return 0; }
};

/// A writer to `out`, which outlives it.
///   - table: widths from the first 1000 rows.
///   - csv: as RFC 4180 with `\n`; a head; null is nothing, an empty text is `""`.
///   - json: one object per line.
///   - arrow: an Arrow IPC stream.
///   - parquet: zstd, row groups of at most 1 Mi rows.
/// `style` is for tables.
arrow::Result<std::unique_ptr<ResultWriter>> MakeResultWriter(
    Format format, const std::shared_ptr<arrow::Schema>& schema, const TableStyle& style,
    arrow::io::OutputStream* out);

}  // namespace longbow::client
