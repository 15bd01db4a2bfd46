/// \file
/// The inputs of a command as tables of its query.
///
/// A table name that DuckDB does not know is looked up among the inputs (a replacement scan) and
/// becomes a call of the table function `longbow_input`. That function opens the input with the
/// columns that the plan needs, cuts big batches into parts that threads share, and hands them to
/// DuckDB without copying fixed-width data.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <duckdb.hpp>
#include <duckdb/main/client_context_state.hpp>

#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/service.h>

namespace longbow::sql {

inline constexpr std::string_view kInputScanName = "longbow_input";

class InputSpool;

/// Batches of one scan of an input. For one thread at a time; reading may block.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// The next batch, with the columns asked for; null at the end.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

/// An input that the query names.
struct InputTable {
  std::string name;
  std::shared_ptr<arrow::Schema> schema;
  std::optional<int64_t> rows;
  bool replayable = true;

  // What the optimized plan does with it; written before anything runs.
  int64_t scans = 0;
  bool repeated = false;          ///< under a recursive CTE, whose scans run many times
  std::set<int> scanned_columns;  ///< of all scans together

  std::shared_ptr<InputSpool> spool;  ///< of one that is scanned more often than it can be read
};

/// The inputs of one query: state of its connection. Thread-safe once planning is over; planning
/// itself runs on one thread.
class QueryInputs final : public duckdb::ClientContextState {
 public:
  /// Errors: BAD_ARGUMENT for two inputs whose names differ only in case, which SQL cannot tell
  /// apart.
  static arrow::Result<duckdb::shared_ptr<QueryInputs>> Make(Inputs& inputs, TaskContext& task);

  QueryInputs(Inputs& inputs, TaskContext& task) : inputs_(inputs), task_(task) {}

  /// Those of `context`'s query; null for a connection that runs none.
  static duckdb::shared_ptr<QueryInputs> Of(duckdb::ClientContext& context);
  /// Makes these the inputs of `context`'s queries.
  static void Attach(duckdb::ClientContext& context, duckdb::shared_ptr<QueryInputs> inputs);

  /// The input's name as the command writes it, whatever the case of `name`; nothing if there is
  /// none.
  std::optional<std::string> Find(const std::string& name) const;

  /// The input with its schema, which this may have to wait for. Throws after `Fail`.
  InputTable& Resolve(const std::string& name);

  /// Notes what the plan scans. Called once planning is done; forgets earlier notes.
  void NotePlan(const duckdb::LogicalOperator& plan);

  /// Begins a scan of `columns`, indices into the table's schema.
  arrow::Result<std::unique_ptr<BatchSource>> Open(duckdb::ClientContext& context,
                                                   InputTable& table,
                                                   const std::vector<int>& columns);

  /// Keeps the first error of an input, to be told instead of what DuckDB makes of it.
  void Fail(arrow::Status status);
  arrow::Status error() const;

  /// So many more rows have been read: the task's progress, where all that is scanned tells its
  /// size.
  void NoteRows(int64_t rows);

  TaskContext& task() { return task_; }
  /// For messages: `a, b`.
  std::string names() const;

 private:
  Inputs& inputs_;
  TaskContext& task_;
  std::map<std::string, std::string> names_by_lower_;
  std::map<std::string, InputTable> tables_;
  int64_t rows_to_read_ = 0;  // by all scans of the plan; 0: unknown
  mutable std::mutex mutex_;
  int64_t rows_read_ = 0;
  arrow::Status error_;
};

/// Gives a new instance the table function, the look-up of table names among the inputs (and no
/// other look-up, of files for example), and the check of plans. Throws DuckDB's exceptions.
void RegisterInputScan(duckdb::DuckDB& database);

}  // namespace longbow::sql
