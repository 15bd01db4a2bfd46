/// \file
/// Files of a source as an Arrow dataset whose errors name the file.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/dataset/dataset.h>
#include <arrow/dataset/file_base.h>

#include "schema_merge.h"

namespace arrow::internal {
class Executor;
}

namespace longbow::connector {

/// What the files of one dataset share.
struct FragmentContext {
  std::string source;                         ///< The source's name, for messages.
  std::string format;                         ///< The format's name, for messages.
  std::shared_ptr<arrow::Schema> schema;      ///< Of the dataset.
  std::shared_ptr<arrow::Schema> partitions;  ///< The columns that come from folders' names.
  SchemaMergeOptions merge;
  /// Runs what waits for Arrow's pools. Not owned: the last one to know a fragment may be one of
  /// its threads, which cannot end their own executor.
  std::weak_ptr<arrow::internal::Executor> blocking_executor;
};

/// Threads, few and not Arrow's own, for work that waits for Arrow's pools. The last owner waits
/// for what is still to be done.
arrow::Result<std::shared_ptr<arrow::internal::Executor>> MakeBlockingExecutor();

/// One file. Beside reading it: compares its schema with the dataset's, turns views into plain
/// texts, and turns errors into COMMAND_FAILED with the file's name as callers know it.
/// Thread-safe.
class SourceFragment : public arrow::dataset::Fragment {
 public:
  SourceFragment(std::shared_ptr<const FragmentContext> context, std::string name,
                 std::shared_ptr<arrow::dataset::FileFragment> file);

  arrow::Result<arrow::dataset::RecordBatchGenerator> ScanBatchesAsync(
      const std::shared_ptr<arrow::dataset::ScanOptions>& options) override;

  std::string type_name() const override { return "source file"; }
  std::string ToString() const override { return name_; }

 protected:
  arrow::Result<std::shared_ptr<arrow::Schema>> ReadPhysicalSchemaImpl() override;

 private:
  // Starts reading the file, whose schema is known and fits.
  arrow::Result<arrow::dataset::RecordBatchGenerator> Scan(
      const std::shared_ptr<arrow::dataset::ScanOptions>& options);
  arrow::Status CheckSchema();

  std::shared_ptr<const FragmentContext> context_;
  std::string name_;
  std::shared_ptr<arrow::dataset::FileFragment> file_;
};

/// The files of a source; those that a filter excludes by their folders' names are not opened.
class SourceDataset : public arrow::dataset::Dataset {
 public:
  SourceDataset(std::shared_ptr<arrow::Schema> schema, arrow::dataset::FragmentVector fragments)
      : Dataset(std::move(schema)), fragments_(std::move(fragments)) {}

  std::string type_name() const override { return "source"; }
  /// Errors: always NotImplemented.
  arrow::Result<std::shared_ptr<Dataset>> ReplaceSchema(
      std::shared_ptr<arrow::Schema> schema) const override;

 protected:
  arrow::Result<arrow::dataset::FragmentIterator> GetFragmentsImpl(
      arrow::compute::Expression predicate) override;

 private:
  arrow::dataset::FragmentVector fragments_;
};

/// The error of reading a file, for those who asked for it: COMMAND_FAILED, unless it already says
/// what it is. `schema` is the file's, to name columns; may be null.
arrow::Status FileError(const FragmentContext& context, const std::string& file,
                        const arrow::Schema* schema, const arrow::Status& status);

}  // namespace longbow::connector
