#include "peer/inputs.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

namespace longbow::peer {
namespace {

using Columns = std::optional<std::vector<std::string>>;
using ReaderPtr = std::shared_ptr<arrow::RecordBatchReader>;

/// Columns of a schema by name, in the order wanted.
struct Selection {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int> indices;

  /// A name that comes twice means its first column. Errors: BAD_ARGUMENT.
  static arrow::Result<Selection> Make(const arrow::Schema& schema,
                                       const std::vector<std::string>& columns) {
    Selection selection;
    arrow::FieldVector fields;
    for (const auto& name : columns) {
      const std::vector<int> found = schema.GetAllFieldIndices(name);
      if (found.empty()) {
        return MakeError(ErrorCode::kBadArgument, "it has no column '" + name + "'",
                         "It has: " + Names(schema));
      }
      selection.indices.push_back(found.front());
      fields.push_back(schema.field(found.front()));
    }
    selection.schema = arrow::schema(std::move(fields), schema.metadata());
    return selection;
  }

 private:
  static std::string Names(const arrow::Schema& schema) {
    std::string names;
    for (const auto& name : schema.field_names()) names += (names.empty() ? "" : ", ") + name;
    return names;
  }
};

/// Selects columns of another reader's batches, sharing them.
class SelectingReader : public arrow::RecordBatchReader {
 public:
  SelectingReader(ReaderPtr reader, Selection selection)
      : reader_(std::move(reader)), selection_(std::move(selection)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return selection_.schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(batch));
    if (!*batch) return arrow::Status::OK();
    arrow::ArrayVector columns;
    columns.reserve(selection_.indices.size());
    for (int index : selection_.indices) columns.push_back((*batch)->column(index));
    // Not SelectColumns: that loses the number of rows where no column is left.
    *batch = arrow::RecordBatch::Make(selection_.schema, (*batch)->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

  arrow::Status Close() override { return reader_->Close(); }

 private:
  ReaderPtr reader_;
  Selection selection_;
};

/// The reader that `open` gives, with `columns` only. They are checked first: a wrong name must not
/// use up an input that can be read once.
template <typename Open>
arrow::Result<ReaderPtr> OpenSelected(const arrow::Schema& schema, const Columns& columns,
                                      Open open) {
  if (!columns) return open();
  ARROW_ASSIGN_OR_RAISE(auto selection, Selection::Make(schema, *columns));
  ARROW_ASSIGN_OR_RAISE(ReaderPtr reader, open());
  return std::make_shared<SelectingReader>(std::move(reader), std::move(selection));
}

arrow::Result<ReaderPtr> OpenStored(const StoredFlight& flight, const Columns& columns) {
  return OpenSelected(*flight.info().schema, columns, [&] { return flight.Open(); });
}

/// The error with the input's name before it, so that of a tree of commands one knows which failed.
arrow::Status AtInput(const std::string& name, const arrow::Status& status) {
  if (status.ok() || ErrorCodeOf(status) == ErrorCode::kCommandCancelled) return status;
  const ErrorDetail* detail = ErrorDetailOf(status);
  return MakeError(ErrorCodeOf(status), "input '" + name + "': " + status.message(),
                   detail != nullptr ? detail->detail() : "",
                   detail != nullptr ? detail->body() : "");
}

template <typename T>
arrow::Result<T> AtInput(const std::string& name, arrow::Result<T> result) {
  if (result.ok()) return result;
  return AtInput(name, result.status());
}

arrow::Status Cancelled() {
  return MakeError(ErrorCode::kCommandCancelled, "the command was cancelled");
}

/// Where threads wait for the outcome of a task that is not theirs to cancel.
class OutcomeWait {
 public:
  void Set(const arrow::Result<Task::Outcome>& outcome) {
    std::lock_guard lock(mutex_);
    if (!outcome_) outcome_ = outcome;
    known_.notify_all();
  }
  arrow::Result<Task::Outcome> Get() {
    std::unique_lock lock(mutex_);
    known_.wait(lock, [this] { return outcome_.has_value(); });
    return *outcome_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable known_;
  std::optional<arrow::Result<Task::Outcome>> outcome_;
};

/// A task's result as a reader that waits, and helps where no worker has begun.
class TaskResultReader : public arrow::RecordBatchReader {
 public:
  TaskResultReader(std::string name, std::unique_ptr<Task::Reader> reader)
      : name_(std::move(name)), reader_(std::move(reader)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return AtInput(name_, reader_->NextBlocking()).Value(batch);
  }

  // Who is done with it before its end lets go of the task at once.
  arrow::Status Close() override {
    reader_ = std::make_unique<ClosedReader>(reader_->schema());
    return arrow::Status::OK();
  }

 private:
  class ClosedReader : public Task::Reader {
   public:
    explicit ClosedReader(std::shared_ptr<arrow::Schema> schema) : schema_(std::move(schema)) {}
    std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
    void Next(
        std::function<void(arrow::Result<std::shared_ptr<arrow::RecordBatch>>)> callback) override {
      callback(NextBlocking());
    }
    arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextBlocking() override {
      return arrow::Status::Invalid("the reader was closed");
    }

   private:
    const std::shared_ptr<arrow::Schema> schema_;
  };

  const std::string name_;
  std::unique_ptr<Task::Reader> reader_;
};

/// One input. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  virtual arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() = 0;
  /// Starts what has to run before its schema is known, and does not wait for it. Says whether
  /// there was something to start.
  virtual bool Begin() { return false; }
  virtual std::optional<int64_t> RowCount() = 0;
  virtual bool replayable() = 0;
  virtual arrow::Result<ReaderPtr> Open(const Columns& columns) = 0;
  virtual void Cancel() {}
};

class StoredSource : public Source {
 public:
  StoredSource(std::string name, StoredInput input)
      : name_(std::move(name)), flight_(std::move(input.flight)) {}

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() override {
    return flight_->info().schema;
  }
  std::optional<int64_t> RowCount() override { return flight_->info().rows; }
  bool replayable() override { return true; }
  arrow::Result<ReaderPtr> Open(const Columns& columns) override {
    return AtInput(name_, OpenStored(*flight_, columns));
  }

 private:
  const std::string name_;
  const std::shared_ptr<const StoredFlight> flight_;
};

class StreamSource : public Source {
 public:
  StreamSource(std::string name, StreamInput input)
      : name_(std::move(name)), reader_(std::move(input.reader)), schema_(reader_->schema()) {}

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() override { return schema_; }
  std::optional<int64_t> RowCount() override { return std::nullopt; }
  bool replayable() override { return false; }
  arrow::Result<ReaderPtr> Open(const Columns& columns) override {
    std::lock_guard lock(mutex_);
    if (!reader_) {
      return MakeError(ErrorCode::kCommandResultConsumed,
                       "input '" + name_ + "': what the client sends can be read once only");
    }
    return AtInput(name_, OpenSelected(*schema_, columns, [this]() -> arrow::Result<ReaderPtr> {
                     return std::exchange(reader_, nullptr);
                   }));
  }

 private:
  const std::string name_;
  std::mutex mutex_;
  ReaderPtr reader_;
  std::shared_ptr<arrow::Schema> schema_;
};

class CommandSource : public Source {
 public:
  CommandSource(std::string name, CommandInput input)
      : name_(std::move(name)), input_(std::move(input)) {}
  ~CommandSource() override { CommandSource::Cancel(); }

  bool Begin() override {
    {
      std::lock_guard lock(mutex_);
      // One that runs for some of its columns only may not show the others.
      if (schema_ || (started_ && !started_columns_)) return false;
    }
    // Without the lock, which `Cancel` needs. Two threads may both ask, and are told the same.
    arrow::Result<std::shared_ptr<arrow::Schema>> told = nullptr;
    if (input_.schema) told = input_.schema();
    std::lock_guard lock(mutex_);
    told_ = told.status();
    if (!told.ok()) return false;
    if (*told != nullptr) schema_ = *std::move(told);
    return !schema_ && !started_ && Start(std::nullopt).ok();
  }

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() override {
    (void)Begin();  // what it started, or why it did not, is asked for below
    {
      std::lock_guard lock(mutex_);
      if (schema_) return schema_;
      if (!started_ && !told_.ok()) return AtInput(name_, told_);
    }
    ARROW_RETURN_NOT_OK(Await(std::nullopt));
    std::lock_guard lock(mutex_);
    return schema_;
  }

  std::optional<int64_t> RowCount() override {
    std::lock_guard lock(mutex_);
    return rows_;
  }

  bool replayable() override {
    std::lock_guard lock(mutex_);
    return result_.flight != nullptr;
  }

  arrow::Result<ReaderPtr> Open(const Columns& columns) override {
    ARROW_RETURN_NOT_OK(Await(columns));
    CommandResult result;
    {
      std::lock_guard lock(mutex_);
      result = result_;
    }
    if (result.flight) return AtInput(name_, OpenStored(*result.flight, columns));
    return AtInput(name_, OpenResult(*result.task, columns));
  }

  void Cancel() override {
    std::shared_ptr<Task> task;
    std::shared_ptr<OutcomeWait> wait;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      if (result_.own) task = result_.task;
      wait = wait_;
    }
    if (wait) wait->Set(Cancelled());
    // One that has ended by itself cannot be cancelled, and need not be.
    if (task) (void)task->Cancel();
  }

 private:
  /// Under the lock.
  arrow::Status Start(const Columns& columns) {
    if (cancelled_) return Cancelled();
    if (started_) return start_error_;
    started_ = true;
    started_columns_ = columns.has_value();
    // It says itself which input it is of.
    start_error_ = input_.run(columns).Value(&result_);
    if (start_error_.ok() && result_.flight) Remember(result_.flight);
    return start_error_;
  }

  /// Under the lock. Later readers find the flight, whatever happens to its path.
  void Remember(std::shared_ptr<const StoredFlight> flight) {
    schema_ = flight->info().schema;
    rows_ = flight->info().rows;
    result_.flight = std::move(flight);
  }

  /// Starts it if that has not been done, and waits until it can be opened.
  arrow::Status Await(const Columns& columns) {
    std::shared_ptr<Task> task;
    std::shared_ptr<OutcomeWait> wait;
    {
      std::lock_guard lock(mutex_);
      ARROW_RETURN_NOT_OK(Start(columns));
      if (result_.flight) return arrow::Status::OK();
      task = result_.task;
      if (!result_.own && !wait_) wait_ = std::make_shared<OutcomeWait>();
      wait = wait_;
    }
    ARROW_ASSIGN_OR_RAISE(auto outcome,
                          AtInput(name_, wait ? WaitWithOthers(*task, wait) : task->Wait()));
    std::shared_ptr<const StoredFlight> flight;
    if (outcome.stored) {
      flight = input_.find_stored(*outcome.stored);
      if (!flight) {
        return MakeError(ErrorCode::kNotFound, "input '" + name_ + "': the stored result at '" +
                                                   outcome.stored->path.ToString() +
                                                   "' was deleted before it could be read");
      }
    }
    std::lock_guard lock(mutex_);
    if (cancelled_) return Cancelled();
    if (flight) {
      Remember(std::move(flight));
    } else {
      if (!schema_ && !columns) schema_ = outcome.schema;
      if (outcome.rows >= 0) rows_ = outcome.rows;
    }
    return arrow::Status::OK();
  }

  arrow::Result<ReaderPtr> OpenResult(Task& task, const Columns& columns) const {
    ARROW_ASSIGN_OR_RAISE(auto outcome, task.Wait());
    return OpenSelected(*outcome.schema, columns, [&]() -> arrow::Result<ReaderPtr> {
      ARROW_ASSIGN_OR_RAISE(auto reader, task.OpenReader());
      return std::make_shared<TaskResultReader>(name_, std::move(reader));
    });
  }

  /// The task is others' as well and cannot be cancelled; the wait for it can.
  static arrow::Result<Task::Outcome> WaitWithOthers(Task& task,
                                                     const std::shared_ptr<OutcomeWait>& wait) {
    (void)task.Help();
    const int64_t id =
        task.AddWaiter([wait](const arrow::Result<Task::Outcome>& outcome) { wait->Set(outcome); });
    auto outcome = wait->Get();
    (void)task.RemoveWaiter(id);
    return outcome;
  }

  const std::string name_;
  const CommandInput input_;
  std::mutex mutex_;
  bool started_ = false;
  bool started_columns_ = false;  ///< for some of its columns only
  bool cancelled_ = false;
  arrow::Status told_;  ///< what asking for the schema ended with
  arrow::Status start_error_;
  CommandResult result_;
  std::shared_ptr<OutcomeWait> wait_;
  std::shared_ptr<arrow::Schema> schema_;
  std::optional<int64_t> rows_;
};

std::unique_ptr<Source> MakeSource(const std::string& name, InputOrigin origin) {
  if (auto* stored = std::get_if<StoredInput>(&origin)) {
    return std::make_unique<StoredSource>(name, std::move(*stored));
  }
  if (auto* command = std::get_if<CommandInput>(&origin)) {
    return std::make_unique<CommandSource>(name, std::move(*command));
  }
  return std::make_unique<StreamSource>(name, std::move(std::get<StreamInput>(origin)));
}

class SourceInputs : public LocalInputs {
 public:
  explicit SourceInputs(std::map<std::string, InputOrigin> origins) {
    for (auto& [name, origin] : origins)
      sources_.emplace(name, MakeSource(name, std::move(origin)));
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, source] : sources_) names.push_back(name);
    return names;
  }

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const std::string& name) override {
    ARROW_ASSIGN_OR_RAISE(Source * source, Find(name));
    if (source->Begin()) {
      // Its siblings that have to run as well do so meanwhile.
      for (auto& [other, sibling] : sources_) (void)sibling->Begin();
    }
    return source->GetSchema();
  }

  std::optional<int64_t> RowCount(const std::string& name) override {
    auto it = sources_.find(name);
    return it == sources_.end() ? std::nullopt : it->second->RowCount();
  }

  bool replayable(const std::string& name) override {
    auto it = sources_.find(name);
    return it != sources_.end() && it->second->replayable();
  }

  arrow::Result<ReaderPtr> Open(const std::string& name, Columns columns) override {
    ARROW_ASSIGN_OR_RAISE(Source * source, Find(name));
    return source->Open(columns);
  }

  void Cancel() override {
    for (auto& [name, source] : sources_) source->Cancel();
  }

 private:
  arrow::Result<Source*> Find(const std::string& name) {
    auto it = sources_.find(name);
    if (it != sources_.end()) return it->second.get();
    std::string known;
    for (const auto& [other, source] : sources_) known += (known.empty() ? "" : ", ") + other;
    return MakeError(ErrorCode::kNotFound, "the command has no input '" + name + "'",
                     known.empty() ? "It has none." : "It has: " + known + ".");
  }

  std::map<std::string, std::unique_ptr<Source>> sources_;
};

}  // namespace

std::unique_ptr<LocalInputs> LocalInputs::Make(std::map<std::string, InputOrigin> origins) {
  return std::make_unique<SourceInputs>(std::move(origins));
}

}  // namespace longbow::peer
