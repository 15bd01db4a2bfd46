/// \file
/// A source that is files of this machine, read through Arrow's datasets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/dataset/dataset.h>
#include <arrow/dataset/scanner.h>

#include "schema_merge.h"
#include "source.h"
#include "source_config.h"
#include "source_files.h"
#include "source_fragment.h"

namespace longbow::connector {

/// What file sources use together.
struct FileSourceContext {
  /// Outlives the last work of Arrow's own threads, which goes on for a moment after a reader is
  /// destroyed: a pool of the process.
  arrow::MemoryPool* memory_pool;
  /// For work that waits for Arrow's own pools.
  std::shared_ptr<arrow::internal::Executor> blocking_executor;
};

/// Thread-safe. Keeps nothing of the files: each command finds them anew, as they are then.
///
/// The schema comes from the first 16 files (of text, from the first 4 MiB of each); files after
/// those are compared with it when they are read. Columns, filters and folders named key=value
/// decide what is read; rows come in the order of the files.
class FileSource : public Source {
 public:
  FileSource(FileSourceConfig config, FileSourceContext context);

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ReadRequest& request) override;
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Read(const ReadRequest& request,
                                                                TaskContext& task) override;
  /// One flight for all files, or, where they are of different kinds, one for each.
  arrow::Result<std::vector<Service::Listing>> List(int64_t limit) override;

 private:
  arrow::Result<std::shared_ptr<arrow::dataset::Dataset>> OpenDataset(const SourceFiles& files);
  arrow::Result<std::shared_ptr<arrow::dataset::Scanner>> MakeScanner(
      const std::shared_ptr<arrow::dataset::Dataset>& dataset, const ReadRequest& request);
  // The columns of `request`, by their indices in `schema`.
  arrow::Result<std::vector<int>> SelectColumns(const arrow::Schema& schema,
                                                const ReadRequest& request) const;
  Service::Listing Describe(const SourceFiles& files, std::optional<std::string> path);

  FileSourceConfig config_;
  FileSourceContext context_;
};

}  // namespace longbow::connector
