/// \file
/// Texts as views, turned into plain texts. Pure.
#pragma once

#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

namespace longbow::connector {

/// The batch with its columns of views copied into plain ones (`string`, `binary`); others stay as
/// they are. Several times as fast as Arrow's cast.
/// Errors: RESOURCE_EXHAUSTED for more than 2 GiB in a column of the batch.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> WithoutViews(
    std::shared_ptr<arrow::RecordBatch> batch, arrow::MemoryPool* pool);

}  // namespace longbow::connector
