/// \file
/// What the tests of this folder run: work that follows a script, puts that remember, gates.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

#include "task/task_registry.h"

namespace longbow::task_test {

/// Long enough for any machine; a test that runs into it has failed.
inline constexpr auto kPlenty = std::chrono::seconds(60);

/// Closed until somebody opens it, open for ever after.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  /// False if it did not open in a very long time.
  bool Wait() {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, kPlenty, [this] { return open_; });
  }
  bool open() const {
    std::lock_guard lock(mutex_);
    return open_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

/// Waits until `condition` holds, which something else makes true soon.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPlenty;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

inline std::shared_ptr<arrow::Schema> OneColumn() {
  static const auto schema = arrow::schema({arrow::field("x", arrow::int64())});
  return schema;
}

/// A batch of `rows` equal numbers. Each is made once and kept: the thread sanitizer does not see
/// the locks of Arrow's allocator, and takes memory that is used again for a race.
inline std::shared_ptr<arrow::RecordBatch> Batch(int64_t value, int64_t rows = 1) {
  using Made = std::map<std::pair<int64_t, int64_t>, std::shared_ptr<arrow::RecordBatch>>;
  static std::mutex mutex;
  static auto& made = *new Made;
  std::lock_guard lock(mutex);
  auto& batch = made[{value, rows}];
  if (batch == nullptr) {
    arrow::Int64Builder builder;
    for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(value).ok());
    batch = arrow::RecordBatch::Make(OneColumn(), rows, {builder.Finish().ValueOrDie()});
  }
  return batch;
}
inline int64_t ValueOf(const arrow::RecordBatch& batch) {
  return static_cast<const arrow::Int64Array&>(*batch.column(0)).Value(0);
}

using BatchResult = arrow::Result<std::shared_ptr<arrow::RecordBatch>>;

/// What a task does.
struct Script {
  std::function<arrow::Status(TaskContext&)> on_start;
  /// The batch of that number; null at the end.
  std::function<BatchResult(int64_t, TaskContext&)> next;
  std::function<arrow::Result<std::unique_ptr<FlightPut>>()> begin_put;
  std::function<void()> on_reader_destroyed;
  std::function<void()> on_work_destroyed;

  /// `count` batches, with the values 0, 1, ...
  static Script Numbers(int64_t count, int64_t rows = 1) {
    Script script;
    script.next = [count, rows](int64_t i, TaskContext&) -> BatchResult {
      if (i >= count) return std::shared_ptr<arrow::RecordBatch>();
      return Batch(i, rows);
    };
    return script;
  }
};

class ScriptedWork : public TaskWork {
 public:
  explicit ScriptedWork(Script script) : script_(std::move(script)) {}
  ~ScriptedWork() override {
    if (script_.on_work_destroyed) script_.on_work_destroyed();
  }

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Start(TaskContext& context) override {
    if (script_.on_start) ARROW_RETURN_NOT_OK(script_.on_start(context));
    return std::make_unique<Reader>(script_, &context);
  }
  arrow::Result<std::unique_ptr<FlightPut>> BeginPut(
      const std::shared_ptr<arrow::Schema>& schema) override {
    EXPECT_EQ(schema, OneColumn());
    if (!script_.begin_put) return std::unique_ptr<FlightPut>();
    return script_.begin_put();
  }

 private:
  class Reader : public arrow::RecordBatchReader {
   public:
    Reader(const Script& script, TaskContext* context) : script_(script), context_(context) {}
    ~Reader() override {
      if (script_.on_reader_destroyed) script_.on_reader_destroyed();
    }
    std::shared_ptr<arrow::Schema> schema() const override { return OneColumn(); }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
      // The promise of the header: one thread at a time.
      EXPECT_FALSE(busy_.exchange(true));
      auto batch = script_.next(next_++, *context_);
      busy_ = false;
      return std::move(batch).Value(out);
    }

   private:
    const Script& script_;
    TaskContext* const context_;
    int64_t next_ = 0;
    std::atomic<bool> busy_{false};
  };

  const Script script_;
};

/// What became of the puts of a test.
struct PutLog {
  std::mutex mutex;
  std::vector<int64_t> values;  ///< appended
  int committed = 0;
  int aborted = 0;
  std::function<arrow::Status(int64_t)> on_append;
  std::function<arrow::Status()> on_commit;

  int count_committed() {
    std::lock_guard lock(mutex);
    return committed;
  }
  int count_aborted() {
    std::lock_guard lock(mutex);
    return aborted;
  }
};

class FakePut : public FlightPut {
 public:
  explicit FakePut(std::shared_ptr<PutLog> log) : log_(std::move(log)) {}
  ~FakePut() override {
    std::lock_guard lock(log_->mutex);
    if (!committed_) ++log_->aborted;
  }
  arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch) override {
    if (log_->on_append) ARROW_RETURN_NOT_OK(log_->on_append(ValueOf(*batch)));
    std::lock_guard lock(log_->mutex);
    log_->values.push_back(ValueOf(*batch));
    rows_ += batch->num_rows();
    return arrow::Status::OK();
  }
  arrow::Result<StoredFlightInfo> Commit() override {
    if (log_->on_commit) ARROW_RETURN_NOT_OK(log_->on_commit());
    std::lock_guard lock(log_->mutex);
    ++log_->committed;
    committed_ = true;
    return StoredFlightInfo{.path = *FlightPath::Make({"stored"}),
                            .revision = 7,
                            .schema = OneColumn(),
                            .rows = rows_,
                            .bytes = 100,
                            .created = {},
                            .expires = {}};
  }

 private:
  const std::shared_ptr<PutLog> log_;
  int64_t rows_ = 0;
  bool committed_ = false;
};

inline Script Stored(Script script, std::shared_ptr<PutLog> log) {
  script.begin_put = [log]() -> arrow::Result<std::unique_ptr<FlightPut>> {
    return std::make_unique<FakePut>(log);
  };
  return script;
}

/// Collects what is delivered to callbacks, each exactly once.
class OutcomeCatcher {
 public:
  std::function<void(const arrow::Result<Task::Outcome>&)> callback() {
    return [this](const arrow::Result<Task::Outcome>& outcome) {
      EXPECT_EQ(++calls, 1);
      result = outcome;
      called.Open();
    };
  }
  arrow::Result<Task::Outcome> Get() {
    EXPECT_TRUE(called.Wait());
    return result;
  }
  std::atomic<int> calls{0};
  arrow::Result<Task::Outcome> result = arrow::Status::UnknownError("not called");
  Gate called;
};

class BatchCatcher {
 public:
  std::function<void(BatchResult)> callback() {
    return [this](BatchResult batch) {
      EXPECT_EQ(++calls, 1);
      result = std::move(batch);
      called.Open();
    };
  }
  BatchResult Get() {
    EXPECT_TRUE(called.Wait());
    return result;
  }
  std::atomic<int> calls{0};
  BatchResult result = arrow::Status::UnknownError("not called");
  Gate called;
};

/// Reads the next batch through a callback.
inline BatchResult NextOf(Task::Reader* reader) {
  BatchCatcher catcher;
  reader->Next(catcher.callback());
  return catcher.Get();
}

/// The values of all batches, or the error.
inline arrow::Result<std::vector<int64_t>> ReadAll(Task::Reader* reader, bool blocking) {
  std::vector<int64_t> values;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(auto batch, blocking ? reader->NextBlocking() : NextOf(reader));
    if (batch == nullptr) return values;
    values.push_back(ValueOf(*batch));
  }
}

inline std::vector<int64_t> UpTo(int64_t count) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(i);
  return values;
}

/// A registry with fakes around it.
class TaskTest : public ::testing::Test {
 protected:
  ~TaskTest() override {
    if (registry_ != nullptr) registry_->Shutdown();
  }

  /// Made at the first use, with what `limits_` is then. Thread-safe.
  TaskRegistry* registry() {
    std::lock_guard lock(registry_mutex_);
    if (registry_ == nullptr) registry_ = TaskRegistry::Make(limits_, {&clock_, &logger_});
    return registry_.get();
  }
  arrow::Result<std::shared_ptr<Task>> TrySubmit(Script script, bool repeatable = false,
                                                 bool nested = false) {
    return registry()->Submit({.service = "fake",
                               .work = std::make_unique<ScriptedWork>(std::move(script)),
                               .repeatable = repeatable,
                               .nested = nested});
  }
  std::shared_ptr<Task> Submit(Script script, bool repeatable = false, bool nested = false) {
    auto task = TrySubmit(std::move(script), repeatable, nested);
    EXPECT_TRUE(task.ok()) << task.status();
    return task.ok() ? *task : nullptr;
  }
  std::unique_ptr<Task::Reader> Open(const std::shared_ptr<Task>& task) {
    auto outcome = task->Wait();
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    auto reader = task->OpenReader();
    EXPECT_TRUE(reader.ok()) << reader.status();
    return reader.ok() ? *std::move(reader) : nullptr;
  }
  /// A gate that lives until the registry is shut down: a worker may still stand in it at a test's
  /// end.
  Gate& NewGate() { return gates_.emplace_back(); }

  /// Fills the only worker until the gate opens.
  void Occupy(Gate* gate) {
    Gate& busy = NewGate();
    ASSERT_TRUE(registry()
                    ->RunSoon("somebody",
                              [gate, &busy] {
                                busy.Open();
                                EXPECT_TRUE(gate->Wait());
                              })
                    .ok());
    ASSERT_TRUE(busy.Wait());
  }

  std::deque<Gate> gates_;
  TaskLimits limits_{.threads = 4};
  testing::FakeClock clock_;
  testing::RecordingLogger logger_;
  std::mutex registry_mutex_;
  std::unique_ptr<TaskRegistry> registry_;
};

}  // namespace longbow::task_test
