#include "peer/inputs.h"

#include <mutex>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <longbow/error.h>

namespace longbow::peer {
namespace {

using Columns = std::optional<std::vector<std::string>>;
using ReaderPtr = std::shared_ptr<arrow::RecordBatchReader>;

/// Selects columns of another reader's batches, sharing them.
class SelectingReader : public arrow::RecordBatchReader {
 public:
  static arrow::Result<ReaderPtr> Make(ReaderPtr reader, const Columns& columns) {
    if (!columns) return reader;
    const auto& schema = reader->schema();
    std::vector<int> indices;
    arrow::FieldVector fields;
    for (const auto& name : *columns) {
      auto found = schema->GetAllFieldIndices(name);
      if (found.empty()) {
        return MakeError(ErrorCode::kBadArgument, "the input has no column '" + name + "'",
                         "It has: " + schema->ToString());
      }
      indices.push_back(found.front());
      fields.push_back(schema->field(found.front()));
    }
    auto selected = arrow::schema(std::move(fields), schema->metadata());
    return std::shared_ptr<SelectingReader>(
        new SelectingReader(std::move(reader), std::move(selected), std::move(indices)));
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(batch));
    if (!*batch) return arrow::Status::OK();
    arrow::ArrayVector columns;
    columns.reserve(indices_.size());
    for (int index : indices_) columns.push_back((*batch)->column(index));
    *batch = arrow::RecordBatch::Make(schema_, (*batch)->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

  arrow::Status Close() override { return reader_->Close(); }

 private:
  SelectingReader(ReaderPtr reader, std::shared_ptr<arrow::Schema> schema, std::vector<int> indices)
      : reader_(std::move(reader)), schema_(std::move(schema)), indices_(std::move(indices)) {}

  ReaderPtr reader_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> indices_;
};

/// A task's result as a reader that waits, and helps where no worker has begun.
class TaskResultReader : public arrow::RecordBatchReader {
 public:
  TaskResultReader(std::shared_ptr<Task> task, std::unique_ptr<Task::Reader> reader)
      : task_(std::move(task)), reader_(std::move(reader)), schema_(reader_->schema()) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return reader_->NextBlocking().Value(batch);
  }

 private:
  std::shared_ptr<Task> task_;
  std::unique_ptr<Task::Reader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
};

/// One input. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  virtual arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() = 0;
  virtual std::optional<int64_t> RowCount() = 0;
  virtual bool replayable() = 0;
  virtual arrow::Result<ReaderPtr> Open(const Columns& columns) = 0;
  virtual void Cancel() {}
};

class StoredSource : public Source {
 public:
  explicit StoredSource(StoredInput input) : flight_(std::move(input.flight)) {}

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() override {
    return flight_->info().schema;
  }
  std::optional<int64_t> RowCount() override { return flight_->info().rows; }
  bool replayable() override { return true; }
  arrow::Result<ReaderPtr> Open(const Columns& columns) override {
    ARROW_ASSIGN_OR_RAISE(auto reader, flight_->Open());
    return SelectingReader::Make(std::move(reader), columns);
  }

 private:
  std::shared_ptr<const StoredFlight> flight_;
};

class StreamSource : public Source {
 public:
  explicit StreamSource(StreamInput input)
      : reader_(std::move(input.reader)), schema_(reader_->schema()) {}

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() override { return schema_; }
  std::optional<int64_t> RowCount() override { return std::nullopt; }
  bool replayable() override { return false; }
  arrow::Result<ReaderPtr> Open(const Columns& columns) override {
    std::lock_guard lock(mutex_);
    if (!reader_) {
      return MakeError(ErrorCode::kCommandResultConsumed,
                       "what the client sends can be read once only");
    }
    return SelectingReader::Make(std::exchange(reader_, nullptr), columns);
  }

 private:
  std::mutex mutex_;
  ReaderPtr reader_;
  std::shared_ptr<arrow::Schema> schema_;
};

class CommandSource : public Source {
 public:
  explicit CommandSource(CommandInput input) : input_(std::move(input)) {}

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema() override {
    std::unique_lock lock(mutex_);
    if (schema_) return schema_;
    if (!started_) {
      // Without the lock, which `Cancel` needs. Two threads may both ask, and are told the same.
      lock.unlock();
      ARROW_ASSIGN_OR_RAISE(auto schema, input_.schema());
      lock.lock();
      if (schema) return schema_ = schema;
    }
    ARROW_RETURN_NOT_OK(Start(std::nullopt));
    auto result = result_;
    // Waiting is done without the lock, which `Cancel` needs.
    lock.unlock();
    if (result.flight) return result.flight->info().schema;
    ARROW_ASSIGN_OR_RAISE(auto outcome, result.task->Wait());
    lock.lock();
    schema_ = outcome.schema;
    return schema_;
  }

  std::optional<int64_t> RowCount() override {
    std::lock_guard lock(mutex_);
    if (!result_.flight) return std::nullopt;
    return result_.flight->info().rows;
  }

  bool replayable() override {
    std::lock_guard lock(mutex_);
    return result_.flight != nullptr;
  }

  arrow::Result<ReaderPtr> Open(const Columns& columns) override {
    CommandResult result;
    {
      std::lock_guard lock(mutex_);
      ARROW_RETURN_NOT_OK(Start(columns));
      result = result_;
    }
    if (result.task) {
      ARROW_ASSIGN_OR_RAISE(auto outcome, result.task->Wait());
      if (!outcome.stored) {
        ARROW_ASSIGN_OR_RAISE(auto reader, result.task->OpenReader());
        return SelectingReader::Make(
            std::make_shared<TaskResultReader>(result.task, std::move(reader)), columns);
      }
      result.flight = input_.find_stored(*outcome.stored);
      if (!result.flight) {
        return MakeError(ErrorCode::kNotFound, "the stored result at '" +
                                                   outcome.stored->path.ToString() +
                                                   "' was deleted before it could be read");
      }
      // Later readers find the flight, whatever happens to its path.
      std::lock_guard lock(mutex_);
      result_.flight = result.flight;
    }
    ARROW_ASSIGN_OR_RAISE(auto reader, result.flight->Open());
    return SelectingReader::Make(std::move(reader), columns);
  }

  void Cancel() override {
    std::shared_ptr<Task> task;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      if (result_.own) task = result_.task;
    }
    // One that has ended by itself cannot be cancelled, and need not be.
    if (task && !task->Cancel().ok()) task = nullptr;
  }

 private:
  /// Under the lock.
  arrow::Status Start(const Columns& columns) {
    if (cancelled_) {
      return MakeError(ErrorCode::kCommandCancelled, "the command was cancelled");
    }
    if (started_) return start_error_;
    started_ = true;
    start_error_ = input_.run(columns).Value(&result_);
    return start_error_;
  }

  CommandInput input_;
  std::mutex mutex_;
  bool started_ = false;
  bool cancelled_ = false;
  arrow::Status start_error_;
  CommandResult result_;
  std::shared_ptr<arrow::Schema> schema_;
};

std::unique_ptr<Source> MakeSource(InputOrigin origin) {
  if (auto* stored = std::get_if<StoredInput>(&origin)) {
    return std::make_unique<StoredSource>(std::move(*stored));
  }
  if (auto* command = std::get_if<CommandInput>(&origin)) {
    return std::make_unique<CommandSource>(std::move(*command));
  }
  return std::make_unique<StreamSource>(std::move(std::get<StreamInput>(origin)));
}

class SourceInputs : public LocalInputs {
 public:
  explicit SourceInputs(std::map<std::string, InputOrigin> origins) {
    for (auto& [name, origin] : origins) sources_.emplace(name, MakeSource(std::move(origin)));
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, source] : sources_) names.push_back(name);
    return names;
  }

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const std::string& name) override {
    ARROW_ASSIGN_OR_RAISE(Source * source, Find(name));
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
