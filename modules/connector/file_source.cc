#include "file_source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <arrow/dataset/partition.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "column_names.h"
#include "filter.h"
#include "scan_reader.h"
#include "source_file_system.h"

namespace longbow::connector {

namespace {

namespace ds = arrow::dataset;

// So many files tell the schema of all.
constexpr size_t kInspectedFiles = 16;

// What a scan holds in memory at once for a slow reader, beside the row groups being decoded.
constexpr uint64_t kPauseBytes = 16 << 20;
constexpr uint64_t kResumeBytes = 4 << 20;
constexpr int64_t kBatchRows = 32 << 10;
constexpr int32_t kBatchReadahead = 2;
constexpr int32_t kFileReadahead = 2;

std::string FolderOf(const std::string& name) {
  return std::filesystem::path(name).parent_path().generic_string();
}

// The columns that the folders' names tell, and how to read them.
arrow::Result<std::shared_ptr<ds::Partitioning>> FindPartitions(const SourceFiles& files,
                                                                bool hive) {
  if (!hive) return ds::Partitioning::Default();
  std::vector<std::string> folders;
  for (const auto& file : files.files) folders.push_back(FolderOf(file.name));
  ds::HivePartitioningFactoryOptions options;
  options.null_fallback = "__HIVE_DEFAULT_PARTITION__";
  auto factory = ds::HivePartitioning::MakeFactory(options);
  ARROW_ASSIGN_OR_RAISE(auto schema, factory->Inspect(folders));
  return factory->Finish(schema);
}

// `schema` with the columns of `partitions` that it does not have.
arrow::Result<std::shared_ptr<arrow::Schema>> WithPartitions(std::shared_ptr<arrow::Schema> schema,
                                                             const arrow::Schema& partitions) {
  for (const auto& field : partitions.fields()) {
    if (schema->GetFieldIndex(field->name()) >= 0) continue;
    ARROW_ASSIGN_OR_RAISE(schema, schema->AddField(schema->num_fields(), field));
  }
  return schema;
}

std::shared_ptr<arrow::Schema> Select(const arrow::Schema& schema,
                                      const std::vector<int>& indices) {
  arrow::FieldVector fields;
  for (const int index : indices) fields.push_back(schema.field(index));
  return arrow::schema(std::move(fields), schema.metadata());
}

}  // namespace

FileSource::FileSource(FileSourceConfig config, FileSourceContext context)
    : config_(std::move(config)), context_(std::move(context)) {}

arrow::Result<std::shared_ptr<arrow::Schema>> FileSource::GetSchema(const ReadRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto files, FindSourceFiles(config_, request.path));
  ARROW_ASSIGN_OR_RAISE(auto dataset, OpenDataset(files));
  ARROW_ASSIGN_OR_RAISE(auto columns, SelectColumns(*dataset->schema(), request));
  ARROW_RETURN_NOT_OK(MakeFilterExpression(request.filters, *dataset->schema()));
  return Select(*dataset->schema(), columns);
}

arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> FileSource::Read(
    const ReadRequest& request, TaskContext& task) {
  ARROW_ASSIGN_OR_RAISE(auto files, FindSourceFiles(config_, request.path));
  ARROW_ASSIGN_OR_RAISE(auto dataset, OpenDataset(files));
  ARROW_ASSIGN_OR_RAISE(auto columns, SelectColumns(*dataset->schema(), request));
  ARROW_ASSIGN_OR_RAISE(auto scanner, MakeScanner(dataset, request));
  return ScanReader::Make(Select(*dataset->schema(), columns), *scanner, request.limit, task);
}

arrow::Result<std::vector<Service::Listing>> FileSource::List(int64_t limit) {
  std::vector<Service::Listing> listings;
  if (limit < 1) return listings;
  ARROW_ASSIGN_OR_RAISE(auto files, FindSourceFiles(config_, {}));
  auto all = Describe(files, {});
  if (all.schema != nullptr || files.files.size() == 1) {
    listings.push_back(std::move(all));
    return listings;
  }
  for (auto& file : files.files) {
    if (static_cast<int64_t>(listings.size()) >= limit) break;
    const std::string name = file.name;
    listings.push_back(Describe({files.type, {std::move(file)}}, name));
  }
  return listings;
}

Service::Listing FileSource::Describe(const SourceFiles& files, std::optional<std::string> path) {
  Service::Listing listing;
  listing.fields["source"] = config_.name;
  if (path.has_value()) listing.fields["path"] = *path;
  listing.bytes = 0;
  for (const auto& file : files.files) listing.bytes += file.bytes;
  // One that cannot be read is listed all the same: reading it tells why.
  auto dataset = OpenDataset(files);
  if (dataset.ok()) listing.schema = (*dataset)->schema();
  return listing;
}

arrow::Result<std::shared_ptr<ds::Dataset>> FileSource::OpenDataset(const SourceFiles& files) {
  ARROW_ASSIGN_OR_RAISE(auto partitioning, FindPartitions(files, config_.hive));
  auto format = MakeFileFormat(files.type, config_.text, files.files[0].name);
  auto file_system = std::make_shared<SourceFileSystem>(files);
  auto shared = std::make_shared<FragmentContext>();
  shared->source = config_.name;
  shared->format = FileTypeName(files.type);
  shared->partitions = partitioning->schema();
  // Rows of JSON have the members that they have.
  shared->merge.allow_missing = files.type == FileType::kJson;
  shared->blocking_executor = context_.blocking_executor;

  std::vector<std::shared_ptr<ds::FileFragment>> read;
  std::vector<FileSchema> schemas;
  for (const auto& file : files.files) {
    ARROW_ASSIGN_OR_RAISE(auto partition, partitioning->Parse(FolderOf(file.name) + "/"));
    ds::FileSource source(SourceFileSystem::NameForArrow(file.name), file_system);
    ARROW_ASSIGN_OR_RAISE(auto fragment, format->MakeFragment(std::move(source), partition));
    if (read.size() < kInspectedFiles) {
      auto schema = fragment->ReadPhysicalSchema();
      if (!schema.ok()) return FileError(*shared, file.name, nullptr, schema.status());
      ARROW_ASSIGN_OR_RAISE(schema, ReadableSchema({file.name, *schema}));
      schemas.push_back({file.name, *schema});
    }
    read.push_back(std::move(fragment));
  }
  ARROW_ASSIGN_OR_RAISE(auto merged, MergeSchemas(schemas, shared->merge));
  merged = WithoutUntypedColumns(*merged);
  ARROW_ASSIGN_OR_RAISE(shared->schema, WithPartitions(merged, *shared->partitions));

  ds::FragmentVector fragments;
  for (size_t i = 0; i < read.size(); ++i) {
    fragments.push_back(
        std::make_shared<SourceFragment>(shared, files.files[i].name, std::move(read[i])));
  }
  return std::make_shared<SourceDataset>(shared->schema, std::move(fragments));
}

arrow::Result<std::shared_ptr<ds::Scanner>> FileSource::MakeScanner(
    const std::shared_ptr<ds::Dataset>& dataset, const ReadRequest& request) {
  ARROW_ASSIGN_OR_RAISE(auto columns, SelectColumns(*dataset->schema(), request));
  ARROW_ASSIGN_OR_RAISE(auto filter, MakeFilterExpression(request.filters, *dataset->schema()));
  ARROW_ASSIGN_OR_RAISE(auto builder, dataset->NewScan());
  ARROW_RETURN_NOT_OK(builder->Project(Select(*dataset->schema(), columns)->field_names()));
  ARROW_RETURN_NOT_OK(builder->Filter(filter));
  ARROW_RETURN_NOT_OK(builder->Pool(context_.memory_pool));
  ARROW_RETURN_NOT_OK(builder->UseThreads(true));
  ARROW_RETURN_NOT_OK(builder->BatchSize(kBatchRows));
  // A few rows are in the first file; reading ahead would read more than that for nothing.
  const bool few = request.limit.has_value() && *request.limit <= kBatchRows;
  ARROW_RETURN_NOT_OK(builder->BatchReadahead(few ? 1 : kBatchReadahead));
  ARROW_RETURN_NOT_OK(builder->FragmentReadahead(few ? 1 : kFileReadahead));
  ARROW_RETURN_NOT_OK(builder->Backpressure({kResumeBytes, kPauseBytes}));
  return builder->Finish();
}

arrow::Result<std::vector<int>> FileSource::SelectColumns(const arrow::Schema& schema,
                                                          const ReadRequest& request) const {
  std::vector<int> indices;
  if (request.columns.has_value()) {
    for (const auto& name : *request.columns) {
      ARROW_ASSIGN_OR_RAISE(const int index, FindColumn(schema, name, "the field `columns`"));
      indices.push_back(index);
    }
  } else {
    for (int i = 0; i < schema.num_fields(); ++i) indices.push_back(i);
  }
  if (request.used_columns.has_value()) {
    std::erase_if(indices, [&](int index) {
      const auto& used = *request.used_columns;
      return std::find(used.begin(), used.end(), schema.field(index)->name()) == used.end();
    });
  }
  return indices;
}

}  // namespace longbow::connector
