/// \file
/// Local files as streams of record batches.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow::client {

enum class DataFormat { kParquet, kCsv, kJson, kArrow };

/// `parquet`, `csv`, `json` (also `ndjson`, `jsonl`), `arrow`; nothing for another name.
std::optional<DataFormat> DataFormatFromName(std::string_view name);

/// By the ending: `.parquet`, `.csv`, `.json`, `.ndjson`, `.jsonl`, `.arrow`, `.arrows`,
/// `.feather`, `.ipc`; all but the first also with `.gz`, `.zst`, `.bz2`, `.lz4` behind it. Nothing
/// for another ending.
std::optional<DataFormat> DataFormatFromFileName(std::string_view name);

/// Opens a file for reading batch by batch. Blocks for the schema; so does reading.
///   - csv: a head, types from the first 16 MiB; `NA`, `NULL` and nothing are null in columns that
///   are
///     no text.
///   - json: one object per line, types from the first 16 MiB.
///   - arrow: a file or a stream.
///
/// \param path `-`: standard input, which cannot be Parquet
/// \param format nothing: by the ending; of standard input an Arrow stream
/// Errors: usage for a file that is not there or of no known kind; else what the format's reader
/// says.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> OpenDataFile(
    const std::string& path, std::optional<DataFormat> format = {});

}  // namespace longbow::client
