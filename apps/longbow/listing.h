/// \file
/// Lists that are made here as record batches, so that they come in every format.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "result_writer.h"

namespace longbow::client {

/// A stored flight, as `ls` and `put` show it. Times are in microseconds since 1970.
struct ListedFlight {
  std::string path;
  int64_t rows = -1;   ///< -1: not known
  int64_t bytes = -1;  ///< -1: not known
  std::optional<int64_t> created_us;
  std::optional<int64_t> expires_us;
};

/// For people (a table) sizes and ages are written as `1.5 MiB` and `3 min`; for programs they are
/// numbers and timestamps.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> FlightsBatch(
    const std::vector<ListedFlight>& flights, Format format, int64_t now_us);

/// Columns of text: a name and a description each.
struct NamedText {
  std::string name;
  std::string text;
};
arrow::Result<std::shared_ptr<arrow::RecordBatch>> NamesBatch(const std::string& name_column,
                                                              const std::string& text_column,
                                                              const std::vector<NamedText>& rows);

}  // namespace longbow::client
