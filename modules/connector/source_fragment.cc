#include "source_fragment.h"

#include <charconv>
#include <string_view>

#include <arrow/dataset/scanner.h>
#include <arrow/record_batch.h>
#include <arrow/util/async_generator.h>
#include <arrow/util/thread_pool.h>
#include <arrow/util/utf8.h>

#include <longbow/error.h>

#include "view_columns.h"

namespace longbow::connector {

namespace {

namespace cp = arrow::compute;
namespace ds = arrow::dataset;

constexpr int kBlockingThreads = 2;

bool IsView(const std::shared_ptr<arrow::Field>& field) {
  return field->type()->id() == arrow::Type::STRING_VIEW ||
         field->type()->id() == arrow::Type::BINARY_VIEW;
}

bool NeedsViews(const cp::Expression& expression, const arrow::Schema& schema) {
  for (const auto& reference : cp::FieldsInExpression(expression)) {
    auto field = reference.GetOneOrNone(schema);
    if (field.ok() && *field != nullptr && IsView(*field)) return true;
  }
  return false;
}

// The members of a conjunction.
void SplitConditions(const cp::Expression& condition, std::vector<cp::Expression>* out) {
  const auto* call = condition.call();
  if (call == nullptr || call->function_name != "and_kleene") {
    out->push_back(condition);
    return;
  }
  for (const auto& argument : call->arguments) SplitConditions(argument, out);
}

// Arrow fails to compare views with the statistics of a file. The file is then asked with the other
// conditions only; whoever scans applies all of them to what it gives.
arrow::Result<std::shared_ptr<ds::ScanOptions>> WithoutConditionsOnViews(
    const std::shared_ptr<ds::ScanOptions>& options, const arrow::Schema& file_schema) {
  if (!NeedsViews(options->filter, file_schema)) return options;
  std::vector<cp::Expression> conditions;
  SplitConditions(options->filter, &conditions);
  std::erase_if(conditions, [&](const auto& c) { return NeedsViews(c, file_schema); });
  auto changed = std::make_shared<ds::ScanOptions>(*options);
  ARROW_ASSIGN_OR_RAISE(changed->filter, cp::and_(conditions).Bind(*options->dataset_schema));
  // The columns of the conditions left out are still to be read; those to read are told by the
  // filter and the projection.
  std::vector<cp::Expression> columns;
  std::vector<std::string> names;
  for (const auto& reference : options->MaterializedFields()) {
    columns.push_back(cp::field_ref(reference));
    names.push_back("c" + std::to_string(names.size()));
  }
  changed->projection = cp::project(std::move(columns), std::move(names));
  return changed;
}

// What Arrow says about a file, without what the message says already, and without bytes of the
// file that are no text.
std::string Readable(std::string message) {
  if (message.starts_with("Could not open ")) {
    const size_t end = message.find("': ");
    if (end != std::string::npos) message.erase(0, end + 3);
  }
  for (const std::string_view kind : {"Invalid: ", "IOError: "}) {
    if (message.starts_with(kind)) message.erase(0, kind.size());
  }
  arrow::util::InitializeUTF8();
  const bool is_text = arrow::util::ValidateUTF8(message);
  for (char& c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte > 0x7f && !is_text)) c = '?';
  }
  return message;
}

// Arrow counts the columns of CSV files; people know their names.
std::string WithColumnName(std::string message, const arrow::Schema* schema) {
  static constexpr std::string_view kPrefix = "In CSV column #";
  const size_t start = message.find(kPrefix);
  if (start == std::string::npos || schema == nullptr) return message;
  const char* digits = message.data() + start + kPrefix.size();
  int index = -1;
  auto [end, error] = std::from_chars(digits, message.data() + message.size(), index);
  if (error != std::errc() || index < 0 || index >= schema->num_fields()) return message;
  const std::string name = "in the column '" + schema->field(index)->name() + "'";
  message.replace(start, end - message.data() - start, name);
  if (message.find("conversion error") != std::string::npos) {
    message += " (name the type in the source's column_types)";
  }
  return message;
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::internal::Executor>> MakeBlockingExecutor() {
  ARROW_ASSIGN_OR_RAISE(auto pool, arrow::internal::ThreadPool::Make(kBlockingThreads));
  // Work that is dropped would leave scans that wait for it for ever.
  auto* executor = pool.get();
  return std::shared_ptr<arrow::internal::Executor>(
      executor, [pool](arrow::internal::Executor*) { pool->WaitForIdle(); });
}

arrow::Status FileError(const FragmentContext& context, const std::string& file,
                        const arrow::Schema* schema, const arrow::Status& status) {
  if (ErrorDetailOf(status) != nullptr || status.IsCancelled() || status.IsOutOfMemory()) {
    return status;
  }
  const std::string message = WithColumnName(Readable(status.message()), schema);
  return MakeError(ErrorCode::kCommandFailed,
                   "'" + file + "' of the source '" + context.source + "' cannot be read as " +
                       context.format + ": " + message,
                   message);
}

SourceFragment::SourceFragment(std::shared_ptr<const FragmentContext> context, std::string name,
                               std::shared_ptr<ds::FileFragment> file)
    : Fragment(file->partition_expression(), nullptr),
      context_(std::move(context)),
      name_(std::move(name)),
      file_(std::move(file)) {}

arrow::Result<std::shared_ptr<arrow::Schema>> SourceFragment::ReadPhysicalSchemaImpl() {
  auto schema = file_->ReadPhysicalSchema();
  if (!schema.ok()) return FileError(*context_, name_, nullptr, schema.status());
  return ReadableSchema({name_, *schema});
}

arrow::Status SourceFragment::CheckSchema() {
  ARROW_ASSIGN_OR_RAISE(auto schema, ReadPhysicalSchema());
  return CheckFileSchema({name_, schema}, *context_->schema, *context_->partitions,
                         context_->merge);
}

arrow::Result<ds::RecordBatchGenerator> SourceFragment::ScanBatchesAsync(
    const std::shared_ptr<ds::ScanOptions>& options) {
  auto self = std::static_pointer_cast<SourceFragment>(shared_from_this());
  const auto executor = context_->blocking_executor.lock();
  if (executor == nullptr) return arrow::Status::Cancelled("the connector has stopped");
  auto checked = arrow::DeferNotOk(executor->Submit([self] { return self->CheckSchema(); }));
  auto opened = checked.Then([self, options]() { return self->Scan(options); });
  auto batches = arrow::MakeFromFuture(std::move(opened));
  auto* pool = options->pool;
  return [self, batches, pool]() {
    return batches().Then(
        [pool](const std::shared_ptr<arrow::RecordBatch>& batch)
            -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
          if (arrow::IsIterationEnd(batch)) return batch;
          return WithoutViews(batch, pool);
        },
        [self](const arrow::Status& status) -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
          auto schema = self->file_->ReadPhysicalSchema();  // Known by now, or in error again.
          return FileError(*self->context_, self->name_, schema.ok() ? schema->get() : nullptr,
                           status);
        });
  };
}

arrow::Result<ds::RecordBatchGenerator> SourceFragment::Scan(
    const std::shared_ptr<ds::ScanOptions>& options) {
  ARROW_ASSIGN_OR_RAISE(auto schema, file_->ReadPhysicalSchema());
  ARROW_ASSIGN_OR_RAISE(auto adapted, WithoutConditionsOnViews(options, *schema));
  return file_->ScanBatchesAsync(adapted);
}

arrow::Result<std::shared_ptr<ds::Dataset>> SourceDataset::ReplaceSchema(
    std::shared_ptr<arrow::Schema> schema) const {
  return arrow::Status::NotImplemented("the schema of a source comes from its files");
}

arrow::Result<ds::FragmentIterator> SourceDataset::GetFragmentsImpl(cp::Expression predicate) {
  ds::FragmentVector fragments;
  for (const auto& fragment : fragments_) {
    ARROW_ASSIGN_OR_RAISE(auto left,
                          cp::SimplifyWithGuarantee(predicate, fragment->partition_expression()));
    if (left.IsSatisfiable()) fragments.push_back(fragment);
  }
  return arrow::MakeVectorIterator(std::move(fragments));
}

}  // namespace longbow::connector
