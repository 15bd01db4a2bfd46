/// \file
/// Looks at batches from outside before anything computes with them.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include <arrow/status.h>
#include <arrow/type_fwd.h>

namespace longbow::transport {

/// Checks the batches of one stream. For one thread at a time.
class BatchChecker {
 public:
  explicit BatchChecker(const arrow::Schema& schema);

  /// Whether each offset, index and length in `batch` is good, at the cost of one look at each
  /// offset and index; numbers, texts and bytes themselves are not read. Counts of nulls that the
  /// sender claims are forgotten, so that they are counted when they are needed. Errors: Arrow's,
  /// naming the column.
  arrow::Status Check(const arrow::RecordBatch& batch);

 private:
  struct Column {
    /// The column's type with the parts replaced whose values need no look.
    std::shared_ptr<arrow::DataType> shadow_type;
    bool has_offsets;
  };
  using Dictionaries =
      std::unordered_map<const arrow::ArrayData*, std::shared_ptr<arrow::ArrayData>>;

  arrow::Status CheckColumn(const Column& column, const std::shared_ptr<arrow::ArrayData>& data);
  arrow::Status CheckDictionaries(const arrow::ArrayData& data);

  std::vector<Column> columns_;
  /// Dictionaries that are known to be good: those of the batch before, and of this one.
  Dictionaries old_dictionaries_;
  Dictionaries dictionaries_;
};

}  // namespace longbow::transport
