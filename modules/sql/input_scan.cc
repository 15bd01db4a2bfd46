#include "input_scan.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/common/string_util.hpp>
#include <duckdb/function/table/arrow.hpp>
#include <duckdb/main/client_config.hpp>
#include <duckdb/main/config.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
#include <duckdb/parallel/task_scheduler.hpp>
#include <duckdb/parser/expression/constant_expression.hpp>
#include <duckdb/parser/expression/function_expression.hpp>
#include <duckdb/parser/parsed_data/create_table_function_info.hpp>
#include <duckdb/parser/tableref/table_function_ref.hpp>
#include <duckdb/planner/operator/logical_get.hpp>

#include <arrow/c/bridge.h>
#include <arrow/type.h>

#include <longbow/error.h>

#include "chunk_bytes.h"
#include "input_source.h"
#include "input_types.h"
#include "lockdown.h"

namespace longbow::sql {
namespace {

constexpr const char* kStateKey = "longbow_inputs";

// What a thread takes at a time: DuckDB's own row groups have this size.
constexpr int64_t kMorselRows = 122880;
// Small batches are taken several at a time, up to this many rows...
constexpr int64_t kGatherRows = 16384;
// ...and copied together if they are tiny, as each costs DuckDB a round through its pipeline.
constexpr int64_t kTinyBatchRows = 256;

// What DuckDB may have ready of the result before it rests.
constexpr duckdb::idx_t kStreamingBufferBytes = 4 << 20;

using Batches = std::deque<std::shared_ptr<arrow::RecordBatch>>;

struct ScanBind final : duckdb::TableFunctionData {
  duckdb::shared_ptr<QueryInputs> inputs;
  InputTable* table = nullptr;
  duckdb::ArrowTableSchema arrow_table;
};

struct ScanGlobal final : duckdb::GlobalTableFunctionState {
  std::mutex mutex;
  std::unique_ptr<BatchSource> source;
  // The rest of a batch of which some rows have been given out.
  std::shared_ptr<arrow::RecordBatch> rest;
  bool done = false;
  bool may_combine = true;
  duckdb::idx_t morsels = 0;
  duckdb::idx_t max_threads = 1;

  duckdb::idx_t MaxThreads() const override { return max_threads; }
};

struct ScanLocal final : duckdb::ArrowScanLocalState {
  explicit ScanLocal(duckdb::ClientContext& context)
      : ArrowScanLocalState(duckdb::make_uniq<duckdb::ArrowArrayWrapper>(), context) {}
  Batches batches;
};

[[noreturn]] void FailScan(QueryInputs& inputs, arrow::Status status) {
  inputs.Fail(std::move(status));
  // Its text is never shown: the reader of the result gives the input's own error.
  throw duckdb::InvalidInputException("an input failed");
}

int64_t TotalRows(const Batches& batches) {
  int64_t rows = 0;
  for (const auto& batch : batches) rows += batch->num_rows();
  return rows;
}

// Reads until there are enough rows for a thread. Under the lock of the scan.
arrow::Status Gather(ScanGlobal& global, Batches* batches) {
  int64_t rows = 0;
  while (rows < kGatherRows && !global.done) {
    std::shared_ptr<arrow::RecordBatch> batch = std::move(global.rest);
    global.rest = nullptr;
    if (batch == nullptr) {
      ARROW_ASSIGN_OR_RAISE(batch, global.source->Next());
    }
    if (batch == nullptr) {
      global.done = true;
      global.source.reset();
      break;
    }
    if (batch->num_rows() == 0) continue;
    if (rows + batch->num_rows() > kMorselRows) {
      if (rows > 0) {
        global.rest = std::move(batch);
        break;
      }
      global.rest = batch->Slice(kMorselRows);
      batch = batch->Slice(0, kMorselRows);
    }
    rows += batch->num_rows();
    batches->push_back(std::move(batch));
  }
  return arrow::Status::OK();
}

arrow::Status CombineTiny(Batches* batches) {
  const auto count = static_cast<int64_t>(batches->size());
  if (count < 2 || TotalRows(*batches) > count * kTinyBatchRows) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto combined, arrow::ConcatenateRecordBatches(arrow::RecordBatchVector(
                                           batches->begin(), batches->end())));
  batches->clear();
  batches->push_back(std::move(combined));
  return arrow::Status::OK();
}

// The next rows for this thread; false at the end of the input.
bool NextMorsel(const ScanBind& bind, ScanGlobal& global, ScanLocal& local) {
  if (bind.inputs->task().cancelled()) throw duckdb::InterruptException();
  arrow::Status status;
  {
    std::lock_guard lock(global.mutex);
    status = Gather(global, &local.batches);
    local.batch_index = ++global.morsels;
  }
  if (status.ok() && global.may_combine) status = CombineTiny(&local.batches);
  if (!status.ok()) FailScan(*bind.inputs, std::move(status));
  bind.inputs->NoteRows(TotalRows(local.batches));
  return !local.batches.empty();
}

bool NextBatch(const ScanBind& bind, ScanGlobal& global, ScanLocal& local) {
  if (local.batches.empty() && !NextMorsel(bind, global, local)) return false;
  const auto batch = std::move(local.batches.front());
  local.batches.pop_front();
  // All state goes, not only what `Reset` clears: DuckDB tells dictionaries apart by their address,
  // and the next batch's may lie where the last one's was.
  local.array_states.clear();
  local.chunk_offset = 0;
  auto chunk = duckdb::make_shared_ptr<duckdb::ArrowArrayWrapper>();
  arrow::Status exported = arrow::ExportRecordBatch(*batch, &chunk->arrow_array);
  if (!exported.ok()) FailScan(*bind.inputs, std::move(exported));
  local.chunk = std::move(chunk);
  return true;
}

void BindColumns(duckdb::ClientContext& context, QueryInputs& inputs, const InputTable& table,
                 duckdb::ArrowTableSchema* result) {
  duckdb::vector<duckdb::string> names;
  for (const auto& field : table.schema->fields()) {
    names.push_back(field->name().empty() ? "column" + std::to_string(names.size())
                                          : field->name());
  }
  duckdb::QueryResult::DeduplicateColumns(names);
  for (int i = 0; i < table.schema->num_fields(); ++i) {
    const auto field = PlainField(table.schema->field(i));
    duckdb::shared_ptr<duckdb::ArrowType> type;
    if (IsReadableType(*field->type())) {
      duckdb::ArrowSchemaWrapper c_schema;
      arrow::Status exported = arrow::ExportField(*field, &c_schema.arrow_schema);
      if (!exported.ok()) FailScan(inputs, std::move(exported));
      try {
        type = duckdb::ArrowType::GetArrowLogicalType(context, c_schema.arrow_schema);
        type->ThrowIfInvalid();
      } catch (const std::exception&) {
        type = nullptr;
      }
    }
    if (type == nullptr) {
      FailScan(inputs, MakeError(ErrorCode::kBadArgument,
                                 "The column '" + field->name() + "' of the input '" + table.name +
                                     "' has the type " + field->type()->ToString() +
                                     ", which SQL cannot read; cast it, or leave it out"));
    }
    result->AddColumn(static_cast<duckdb::idx_t>(i), std::move(type), names[i]);
  }
}

duckdb::unique_ptr<duckdb::FunctionData> BindScan(duckdb::ClientContext& context,
                                                  duckdb::TableFunctionBindInput& input,
                                                  duckdb::vector<duckdb::LogicalType>& types,
                                                  duckdb::vector<duckdb::string>& names) {
  auto inputs = QueryInputs::Of(context);
  const duckdb::Value& name = input.inputs[0];
  const auto found =
      inputs && !name.IsNull() ? inputs->Find(name.ToString()) : std::optional<std::string>();
  if (!found.has_value()) {
    throw duckdb::BinderException("There is no input of the name %s", name.ToString());
  }
  auto bind = duckdb::make_uniq<ScanBind>();
  bind->table = &inputs->Resolve(*found);
  if (bind->table->schema->num_fields() == 0) {
    FailScan(*inputs,
             MakeError(ErrorCode::kBadArgument,
                       "The input '" + *found + "' has no columns, so SQL cannot read it"));
  }
  BindColumns(context, *inputs, *bind->table, &bind->arrow_table);
  bind->inputs = std::move(inputs);
  types = bind->arrow_table.GetTypes();
  names = bind->arrow_table.GetNames();
  return bind;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitGlobal(
    duckdb::ClientContext& context, duckdb::TableFunctionInitInput& input) {
  const auto& bind = input.bind_data->Cast<ScanBind>();
  std::vector<int> columns;
  for (duckdb::column_t id : input.column_ids) {
    if (id != duckdb::COLUMN_IDENTIFIER_EMPTY) columns.push_back(static_cast<int>(id));
  }
  auto global = duckdb::make_uniq<ScanGlobal>();
  global->may_combine = std::none_of(columns.begin(), columns.end(), [&](int column) {
    return HoldsDictionary(*bind.table->schema->field(column)->type());
  });
  auto source = bind.inputs->Open(context, *bind.table, columns);
  if (!source.ok()) FailScan(*bind.inputs, source.status());
  global->source = DecodeInnerDictionaries(std::move(source).ValueUnsafe(), *bind.table, columns);
  const auto threads =
      static_cast<int64_t>(duckdb::TaskScheduler::GetScheduler(context).NumberOfThreads());
  // A thread without a morsel is a wake-up for nothing.
  const int64_t morsels =
      bind.table->rows.has_value() ? *bind.table->rows / kMorselRows + 1 : threads;
  global->max_threads = static_cast<duckdb::idx_t>(std::min(threads, morsels));
  return global;
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitLocal(
    duckdb::ExecutionContext& context, duckdb::TableFunctionInitInput& input,
    duckdb::GlobalTableFunctionState* global) {
  auto local = duckdb::make_uniq<ScanLocal>(context.client);
  for (duckdb::column_t id : input.column_ids) {
    // Of both only the number of rows matters, and only the second is known to the conversion.
    local->column_ids.push_back(
        id == duckdb::COLUMN_IDENTIFIER_EMPTY ? duckdb::COLUMN_IDENTIFIER_ROW_ID : id);
  }
  return local;
}

void Scan(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
          duckdb::DataChunk& output) {
  const auto& bind = input.bind_data->Cast<ScanBind>();
  auto& global = input.global_state->Cast<ScanGlobal>();
  auto& local = input.local_state->Cast<ScanLocal>();
  auto length = [&] { return static_cast<duckdb::idx_t>(local.chunk->arrow_array.length); };
  if (local.chunk_offset >= length() && !NextBatch(bind, global, local)) return;
  output.SetCardinality(
      std::min<duckdb::idx_t>(STANDARD_VECTOR_SIZE, length() - local.chunk_offset));
  duckdb::ArrowTableFunction::ArrowToDuckDB(local, bind.arrow_table.GetColumns(), output);
  local.chunk_offset += output.size();
}

duckdb::OperatorPartitionData PartitionData(duckdb::ClientContext& context,
                                            duckdb::TableFunctionGetPartitionInput& input) {
  if (input.partition_info.RequiresPartitionColumns()) {
    throw duckdb::InternalException("inputs have no partition columns");
  }
  return duckdb::OperatorPartitionData(input.local_state->Cast<ScanLocal>().batch_index);
}

duckdb::unique_ptr<duckdb::NodeStatistics> Cardinality(duckdb::ClientContext& context,
                                                       const duckdb::FunctionData* data) {
  const auto& rows = data->Cast<ScanBind>().table->rows;
  if (!rows.has_value()) return duckdb::make_uniq<duckdb::NodeStatistics>();
  const auto count = static_cast<duckdb::idx_t>(*rows);
  return duckdb::make_uniq<duckdb::NodeStatistics>(count, count);
}

// The column that stands for "no column": `count(*)` needs only numbers of rows.
duckdb::virtual_column_map_t VirtualColumns(duckdb::ClientContext& context,
                                            duckdb::optional_ptr<duckdb::FunctionData> data) {
  duckdb::virtual_column_map_t result;
  result.emplace(duckdb::COLUMN_IDENTIFIER_EMPTY,
                 duckdb::TableColumn("", duckdb::LogicalType::BOOLEAN));
  return result;
}

// For EXPLAIN.
duckdb::InsertionOrderPreservingMap<duckdb::string> Describe(
    duckdb::TableFunctionToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<duckdb::string> result;
  result["Input"] = input.bind_data->Cast<ScanBind>().table->name;
  return result;
}

duckdb::TableFunction MakeScanFunction() {
  duckdb::TableFunction function(std::string(kInputScanName), {duckdb::LogicalType::VARCHAR}, Scan,
                                 BindScan, InitGlobal, InitLocal);
  function.projection_pushdown = true;
  function.filter_pushdown = false;
  function.filter_prune = false;
  function.cardinality = Cardinality;
  function.get_partition_data = PartitionData;
  function.get_virtual_columns = VirtualColumns;
  function.to_string = Describe;
  return function;
}

duckdb::unique_ptr<duckdb::TableRef> ReplaceByInput(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData> data) {
  if (!input.catalog_name.empty() || !input.schema_name.empty()) return nullptr;
  auto inputs = QueryInputs::Of(context);
  if (inputs == nullptr) return nullptr;
  const auto name = inputs->Find(input.table_name);
  if (!name.has_value()) return nullptr;
  auto result = duckdb::make_uniq<duckdb::TableFunctionRef>();
  duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> arguments;
  arguments.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(*name)));
  result->function = duckdb::make_uniq<duckdb::FunctionExpression>(std::string(kInputScanName),
                                                                   std::move(arguments));
  return result;
}

void BeforeOptimizing(duckdb::OptimizerExtensionInput& input,
                      duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  // The instance's own statements run without inputs, before it is locked.
  if (QueryInputs::Of(input.context) != nullptr) CheckPlan(*plan);
}

void AfterOptimizing(duckdb::OptimizerExtensionInput& input,
                     duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  auto inputs = QueryInputs::Of(input.context);
  if (inputs == nullptr) return;
  inputs->NotePlan(*plan);
  // The last moment before the buffer for the result is made.
  plan->ResolveOperatorTypes();
  duckdb::ClientConfig::GetConfig(input.context).streaming_buffer_size =
      BufferLimit(plan->types, kStreamingBufferBytes);
}

}  // namespace

arrow::Result<duckdb::shared_ptr<QueryInputs>> QueryInputs::Make(Inputs& inputs,
                                                                 TaskContext& task) {
  auto result = duckdb::make_shared_ptr<QueryInputs>(inputs, task);
  for (const std::string& name : inputs.names()) {
    auto [other, is_new] = result->names_by_lower_.emplace(duckdb::StringUtil::Lower(name), name);
    if (!is_new) {
      return MakeError(ErrorCode::kBadArgument,
                       "The inputs '" + other->second + "' and '" + name +
                           "' differ only in case, which SQL does not tell apart; rename one");
    }
  }
  return result;
}

duckdb::shared_ptr<QueryInputs> QueryInputs::Of(duckdb::ClientContext& context) {
  return context.registered_state->Get<QueryInputs>(kStateKey);
}

void QueryInputs::Attach(duckdb::ClientContext& context, duckdb::shared_ptr<QueryInputs> inputs) {
  context.registered_state->Insert(kStateKey, std::move(inputs));
}

std::optional<std::string> QueryInputs::Find(const std::string& name) const {
  const auto it = names_by_lower_.find(duckdb::StringUtil::Lower(name));
  if (it == names_by_lower_.end()) return std::nullopt;
  return it->second;
}

InputTable& QueryInputs::Resolve(const std::string& name) {
  auto [it, is_new] = tables_.try_emplace(name);
  InputTable& table = it->second;
  if (!is_new) return table;
  auto schema = inputs_.GetSchema(name);
  if (!schema.ok()) {
    tables_.erase(it);
    FailScan(*this, schema.status());
  }
  table.name = name;
  table.schema = std::move(schema).ValueUnsafe();
  table.rows = inputs_.RowCount(name);
  table.replayable = inputs_.replayable(name);
  return table;
}

void QueryInputs::NotePlan(const duckdb::LogicalOperator& plan) {
  for (auto& [name, table] : tables_) {
    table.scans = 0;
    table.repeated = false;
    table.scanned_columns.clear();
  }
  std::vector<std::pair<const duckdb::LogicalOperator*, bool>> left{{&plan, false}};
  while (!left.empty()) {
    auto [node, repeated] = left.back();
    left.pop_back();
    repeated |= node->type == duckdb::LogicalOperatorType::LOGICAL_RECURSIVE_CTE;
    for (const auto& child : node->children) left.emplace_back(child.get(), repeated);
    if (node->type != duckdb::LogicalOperatorType::LOGICAL_GET) continue;
    const auto& get = node->Cast<duckdb::LogicalGet>();
    if (get.function.name != kInputScanName) continue;
    InputTable& table = *get.bind_data->Cast<ScanBind>().table;
    ++table.scans;
    table.repeated |= repeated;
    for (const auto& column : get.GetColumnIds()) {
      if (!column.IsVirtualColumn()) {
        table.scanned_columns.insert(static_cast<int>(column.GetPrimaryIndex()));
      }
    }
  }
  rows_to_read_ = 0;
  rows_read_ = 0;
  for (const auto& [name, table] : tables_) {
    if (table.scans == 0) continue;
    if (!table.rows.has_value() || table.repeated) {
      rows_to_read_ = 0;
      return;
    }
    rows_to_read_ += *table.rows * table.scans;
  }
}

void QueryInputs::NoteRows(int64_t rows) {
  if (rows_to_read_ == 0) return;
  std::lock_guard lock(mutex_);
  rows_read_ += rows;
  task_.SetProgress(static_cast<double>(rows_read_) / static_cast<double>(rows_to_read_));
}

arrow::Result<std::unique_ptr<BatchSource>> QueryInputs::Open(duckdb::ClientContext& context,
                                                              InputTable& table,
                                                              const std::vector<int>& columns) {
  if (table.replayable || (table.scans <= 1 && !table.repeated)) {
    return OpenDirect(inputs_, table, columns);
  }
  std::lock_guard lock(mutex_);
  if (table.spool == nullptr) {
    table.spool = std::make_shared<InputSpool>(
        inputs_, table,
        std::vector<int>(table.scanned_columns.begin(), table.scanned_columns.end()), context.db);
  }
  return OpenSpooled(table.spool, columns);
}

void QueryInputs::Fail(arrow::Status status) {
  std::lock_guard lock(mutex_);
  if (error_.ok()) error_ = std::move(status);
}

arrow::Status QueryInputs::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

std::string QueryInputs::names() const {
  std::string text;
  for (const auto& [lower, name] : names_by_lower_) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

void RegisterInputScan(duckdb::DuckDB& database) {
  duckdb::DatabaseInstance& instance = *database.instance;
  auto& config = duckdb::DBConfig::GetConfig(instance);
  // DuckDB's own look for files.
  config.replacement_scans.clear();
  config.replacement_scans.emplace_back(ReplaceByInput);
  duckdb::OptimizerExtension extension;
  extension.pre_optimize_function = BeforeOptimizing;
  extension.optimize_function = AfterOptimizing;
  duckdb::OptimizerExtension::Register(config, std::move(extension));

  auto& catalog = duckdb::Catalog::GetSystemCatalog(instance);
  auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  duckdb::CreateTableFunctionInfo info(MakeScanFunction());
  catalog.CreateTableFunction(transaction, info);
}

}  // namespace longbow::sql
