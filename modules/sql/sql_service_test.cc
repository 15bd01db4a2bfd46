// The service as its callers see it: results, schemas, parameters, errors, limits, cancelling.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sql_fixture.h"

namespace longbow::sql {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

class SqlServiceTest : public SqlFixture {};

TEST_F(SqlServiceTest, JoinsAndGroups) {
  inputs_.Add("a", Numbers(1000));
  inputs_.Add("b", Numbers(500));
  auto table = Run("SELECT id % 2 AS odd, count(*) AS n, sum(a.half) AS s "
                   "FROM a JOIN b USING (id) GROUP BY odd ORDER BY odd")
                   .ValueOrDie();
  EXPECT_EQ(table->schema()->ToString(), "odd: int64\nn: int64\ns: double");
  ASSERT_EQ(table->num_rows(), 2);
  EXPECT_EQ(table->column(1)->GetScalar(0).ValueOrDie()->ToString(), "250");
  EXPECT_EQ(table->column(2)->GetScalar(1).ValueOrDie()->ToString(), "31250");
}

TEST_F(SqlServiceTest, OneThread) {
  MakeService({.query_threads = 1});
  inputs_.Add("t", Numbers(300000, 5000));
  EXPECT_EQ(Scalar("SELECT count(*) FROM t a JOIN t b USING (name)"), "300000");
}

TEST_F(SqlServiceTest, SchemaRunsNothing) {
  inputs_.Add("t", Numbers(10));
  auto schema = Schema("SELECT name, sum(half) AS s FROM t GROUP BY name").ValueOrDie();
  EXPECT_EQ(schema->ToString(), "name: string\ns: double");
  EXPECT_TRUE(inputs_.opened().empty());
  EXPECT_EQ(engine_->running(), 0);
  EXPECT_EQ(CodeName(Schema("SELECT nothing FROM t").status()), "BAD_ARGUMENT");
}

TEST_F(SqlServiceTest, Parameters) {
  inputs_.Add("t", Numbers(10));
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE id > ? AND name LIKE ?", Value::List{5, "%8"}),
            "1");
  EXPECT_EQ(Scalar("SELECT $2 || $1", Value::List{"a", "b"}), "ba");
  EXPECT_EQ(Scalar("SELECT count(*) FROM t WHERE half >= $low", Value::Object{{"low", 2.5}}), "5");
  EXPECT_EQ(Scalar("SELECT DATE '2026-02-01' > ?", Value::List{"2026-01-31"}), "true");
  EXPECT_EQ(Scalar("SELECT len(?)", Value::List{Value::List{1, 2, 3}}), "3");
  EXPECT_EQ(Scalar("SELECT ($p).x", Value::Object{{"p", Value::Object{{"x", 7}}}}), "7");
  EXPECT_EQ(Scalar("SELECT ? IS NULL", Value::List{nullptr}), "true");
  EXPECT_EQ(Scalar("SELECT count(*) FROM (SELECT * FROM t LIMIT ?)", Value::List{3}), "3");
  EXPECT_EQ(Schema("SELECT ? AS x", Value::List{1.5}).ValueOrDie()->ToString(), "x: double");

  EXPECT_EQ(CodeName(Run("SELECT ?").status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("SELECT ?", Value::List{1, 2}).status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("SELECT $a", Value::List{1}).status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("SELECT ?", Value::List{Value::Object{}}).status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Run("SELECT ?", Value::List{"\xff"}).status()), "BAD_ARGUMENT");
  EXPECT_EQ(CodeName(Schema("SELECT ?").status()), "BAD_ARGUMENT");
}

TEST_F(SqlServiceTest, ErrorsSayWhere) {
  inputs_.Add("t", Numbers(10));
  const arrow::Status parse = Run("SELECT id,,\nFROM t").status();
  EXPECT_EQ(CodeName(parse), "BAD_ARGUMENT");
  EXPECT_NE(parse.message().find("syntax error at or near \",\""), std::string::npos);
  EXPECT_EQ(Detail(parse).find("line 1, position 11\nSELECT id,,\n          ^"), 0U)
      << Detail(parse);

  const arrow::Status bind = Run("SELECT 'ä',\n  nope FROM t").status();
  EXPECT_EQ(CodeName(bind), "BAD_ARGUMENT");
  EXPECT_NE(bind.message().find("\"nope\""), std::string::npos);
  EXPECT_EQ(Detail(bind).find("line 2, position 3\n  nope FROM t\n  ^"), 0U) << Detail(bind);

  const arrow::Status run = Run("SELECT name::INT FROM t").status();
  EXPECT_EQ(CodeName(run), "COMMAND_FAILED");
  EXPECT_NE(run.message().find("the row of the number 0"), std::string::npos);
  EXPECT_EQ(CodeName(Run("SELECT error('boom')").status()), "COMMAND_FAILED");
  EXPECT_EQ(CodeName(Run("SELECT nothing(1)").status()), "BAD_ARGUMENT");
}

TEST_F(SqlServiceTest, MemoryIsLimited) {
  MakeService({.query_memory_limit = 64 << 20, .query_spill_limit = 0});
  const arrow::Status status = Run("SELECT list(range) FROM range(100000000)").status();
  EXPECT_EQ(CodeName(status), "RESOURCE_EXHAUSTED") << status.ToString();
  EXPECT_NE(Detail(status).find("64.0 MiB"), std::string::npos) << Detail(status);
  EXPECT_EQ(Scalar("SELECT 1"), "1");
}

TEST_F(SqlServiceTest, SpillsAndCleansUp) {
  MakeService({.query_memory_limit = 48 << 20, .query_threads = 2});
  const std::string big =
      "SELECT count(*) FROM (SELECT DISTINCT i, md5(i::VARCHAR) AS s "
      "FROM range(1000000) r(i))";
  EXPECT_EQ(Scalar(big), "1000000");
  EXPECT_EQ(engine_->idle(), 0) << "an instance that spilled is not kept";
  EXPECT_EQ(Scalar("SELECT 1"), "1");
  EXPECT_EQ(engine_->idle(), 1);
}

TEST_F(SqlServiceTest, SpillIsLimited) {
  MakeService({.query_memory_limit = 48 << 20, .query_spill_limit = 1 << 20, .query_threads = 2});
  const arrow::Status status =
      Run("SELECT count(*) FROM (SELECT DISTINCT i, md5(i::VARCHAR) AS s FROM range(1000000) r(i))")
          .status();
  EXPECT_EQ(CodeName(status), "RESOURCE_EXHAUSTED") << status.ToString();
  EXPECT_EQ(status.ToString().find(spill_parent_.string()), std::string::npos) << status.ToString();
}

TEST_F(SqlServiceTest, TellsWhatDuckDbHolds) {
  MakeService({.query_memory_limit = 256 << 20, .query_threads = 1, .max_queries = 3});
  EXPECT_EQ(engine_->memory_limit_bytes(), 3 * (256 << 20));
  EXPECT_EQ(engine_->memory_bytes(), 0);
  // All of it is sorted before the first row comes.
  auto reader = Start("SELECT range AS i FROM range(4000000) ORDER BY hash(range)").ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  EXPECT_GT(engine_->memory_bytes(), 4'000'000 * 4);
  EXPECT_LE(engine_->memory_bytes(), 256 << 20);
  reader.reset();
  EXPECT_LE(engine_->memory_bytes(), 16 << 20) << "more than what an idle instance may keep";
}

TEST_F(SqlServiceTest, TooManyQueries) {
  MakeService({.max_queries = 2});
  auto first = Start("SELECT 1");
  auto second = Start("SELECT * FROM range(100000000)");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(CodeName(Start("SELECT 3").status()), "BACKPRESSURE");
  // One that has been read to its end does not count, however long it is kept.
  ASSERT_TRUE((*first)->ToTable().ok());
  EXPECT_TRUE(Run("SELECT 3").ok());
  second->reset();
  EXPECT_EQ(engine_->running(), 0);
}

TEST_F(SqlServiceTest, InstancesAreKeptAndBounded) {
  MakeService({.max_idle_instances = 2});
  {
    auto a = Start("SELECT 1"), b = Start("SELECT 1"), c = Start("SELECT 1");
    ASSERT_TRUE(a.ok() && b.ok() && c.ok());
    EXPECT_EQ(engine_->running(), 3);
  }
  EXPECT_EQ(engine_->running(), 0);
  EXPECT_EQ(engine_->idle(), 2);
  EXPECT_EQ(Scalar("SELECT 1"), "1");
  EXPECT_EQ(engine_->idle(), 2);
}

TEST_F(SqlServiceTest, ReaderGoesAwayInMidStream) {
  inputs_.Add("t", Numbers(1000000, 10000));
  for (const char* query : {"SELECT * FROM t", "SELECT * FROM t ORDER BY name DESC",
                            "SELECT a.* FROM t a CROSS JOIN t b"}) {
    auto reader = Start(query).ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    ASSERT_TRUE(reader->ReadNext(&batch).ok()) << query;
    ASSERT_NE(batch, nullptr);
    reader.reset();
    EXPECT_TRUE(batch->ValidateFull().ok()) << "a batch outlives its query";
    EXPECT_EQ(engine_->running(), 0);
  }
  // And before anything was read.
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Start("SELECT a.* FROM t a CROSS JOIN t b").ok());
  EXPECT_EQ(engine_->running(), 0);
}

TEST_F(SqlServiceTest, BatchesAreNeitherTinyNorHuge) {
  auto reader = Start("SELECT range AS i, range * 2 AS j FROM range(1000000)").ValueOrDie();
  int64_t rows = 0;
  int batches = 0;
  std::shared_ptr<arrow::RecordBatch> batch;
  while (reader->ReadNext(&batch).ok() && batch != nullptr) {
    rows += batch->num_rows();
    ++batches;
    EXPECT_LE(batch->num_rows(), 70000);
  }
  EXPECT_EQ(rows, 1000000);
  EXPECT_LE(batches, 40);
  // After the end there is nothing more.
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  EXPECT_EQ(batch, nullptr);
}

TEST_F(SqlServiceTest, LongTextsMakeShortBatches) {
  auto reader = Start("SELECT repeat('x', 1000000) AS s FROM range(100)").ValueOrDie();
  int64_t rows = 0;
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    auto status = reader->ReadNext(&batch);
    ASSERT_TRUE(status.ok()) << status.ToString();
    if (batch == nullptr) break;
    rows += batch->num_rows();
    EXPECT_LE(batch->num_rows(), 10);
  }
  EXPECT_EQ(rows, 100);
}

// An input without end, which counts what is taken from it.
class EndlessInputs : public Inputs {
 public:
  explicit EndlessInputs(std::shared_ptr<arrow::Table> table) : table_(std::move(table)) {}
  std::vector<std::string> names() const override { return {"t"}; }
  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const std::string&) override {
    return table_->schema();
  }
  std::optional<int64_t> RowCount(const std::string&) override { return std::nullopt; }
  bool replayable(const std::string&) override { return true; }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(
      const std::string&, std::optional<std::vector<std::string>> columns) override {
    std::vector<int> indices;
    for (const auto& name : *columns) indices.push_back(table_->schema()->GetFieldIndex(name));
    ARROW_ASSIGN_OR_RAISE(auto selected, table_->SelectColumns(indices));
    ARROW_ASSIGN_OR_RAISE(auto batch, selected->CombineChunksToBatch());
    return std::make_shared<Reader>(*this, std::move(batch));
  }

  /// Waits until more than `count` batches were taken; false after `limit`.
  bool WaitForMoreThan(int64_t count, milliseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return taken_ > count; });
  }
  int64_t taken() {
    std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  class Reader : public arrow::RecordBatchReader {
   public:
    Reader(EndlessInputs& inputs, std::shared_ptr<arrow::RecordBatch> batch)
        : inputs_(inputs), batch_(std::move(batch)) {}
    std::shared_ptr<arrow::Schema> schema() const override { return batch_->schema(); }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
      std::lock_guard lock(inputs_.mutex_);
      ++inputs_.taken_;
      inputs_.changed_.notify_all();
      *batch = batch_;
      return arrow::Status::OK();
    }

   private:
    EndlessInputs& inputs_;
    std::shared_ptr<arrow::RecordBatch> batch_;
  };

  std::shared_ptr<arrow::Table> table_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t taken_ = 0;
};

TEST_F(SqlServiceTest, ReaderThatStopsHoldsTheQueryBack) {
  // 1 MB or so a batch.
  EndlessInputs inputs(Numbers(20000, 20000));
  Value::Object fields{{"query", "SELECT * FROM t WHERE id >= 0"}};
  auto reader = service_->Execute({fields, inputs, task_}).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  // Far more than DuckDB keeps ready: it must come to rest before that.
  EXPECT_FALSE(inputs.WaitForMoreThan(100, milliseconds(500)));
  const int64_t at_rest = inputs.taken();
  EXPECT_FALSE(inputs.WaitForMoreThan(at_rest, milliseconds(200)));
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
}

// 40 KB a row: DuckDB itself would count 16 bytes for each.
TEST_F(SqlServiceTest, ReaderThatStopsHoldsBackRowsOfAnySize) {
  EndlessInputs inputs(Numbers(2048, 2048));
  Value::Object fields{{"query", "SELECT id, repeat(name, 1500) AS long FROM t"}};
  auto reader = service_->Execute({fields, inputs, task_}).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  EXPECT_LT(batch->num_rows(), 300);
  EXPECT_FALSE(inputs.WaitForMoreThan(100, milliseconds(1000)));
}

TEST_F(SqlServiceTest, CancelStopsWhatComputes) {
  inputs_.Add("t", Numbers(2000));
  milliseconds longest(0);
  for (const char* query : {
           "SELECT count(*) FROM t a, t b, t c, t d WHERE a.half + b.half = c.half * d.half",
           "SELECT max(x) FROM (SELECT sum(a.id) OVER (ORDER BY b.name) AS x FROM t a, t b, t c)",
           "SELECT sum(a.i) FROM range(1000000000000) a(i)",
       }) {
    SCOPED_TRACE(query);
    longbow::testing::FakeTaskContext task;
    Value::Object fields{{"query", query}};
    auto reader = service_->Execute({fields, inputs_, task}).ValueOrDie();
    std::mutex mutex;
    std::condition_variable started;
    bool reading = false;
    arrow::Status status;
    Clock::time_point ended;
    std::thread thread([&] {
      {
        std::lock_guard lock(mutex);
        reading = true;
      }
      started.notify_all();
      std::shared_ptr<arrow::RecordBatch> batch;
      status = reader->ReadNext(&batch);
      ended = Clock::now();
    });
    {
      std::unique_lock lock(mutex);
      started.wait(lock, [&] { return reading; });
      // Into the middle of the work.
      started.wait_for(lock, milliseconds(200), [] { return false; });
    }
    const Clock::time_point cancelled = Clock::now();
    task.Cancel();
    thread.join();
    EXPECT_EQ(CodeName(status), "COMMAND_CANCELLED") << status.ToString();
    const auto took = std::chrono::duration_cast<milliseconds>(ended - cancelled);
    longest = std::max(longest, took);
    // 100 ms on a machine that has time; this one may be busy with other tests.
    EXPECT_LT(took, seconds(10));
    reader.reset();
    EXPECT_EQ(engine_->running(), 0);
  }
  RecordProperty("longest_ms", static_cast<int>(longest.count()));
}

TEST_F(SqlServiceTest, CancelBeforeAndBetween) {
  inputs_.Add("t", Numbers(1000000));
  auto reader = Start("SELECT * FROM t").ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  task_.Cancel();
  EXPECT_EQ(CodeName(reader->ReadNext(&batch)), "COMMAND_CANCELLED");
  EXPECT_EQ(batch, nullptr);
  EXPECT_EQ(CodeName(reader->ReadNext(&batch)), "COMMAND_CANCELLED");
  EXPECT_EQ(CodeName(Start("SELECT 1").status()), "COMMAND_CANCELLED");
}

TEST_F(SqlServiceTest, ManyAtOnce) {
  auto table = Numbers(1000);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        longbow::testing::FakeInputs inputs;
        inputs.Add("t", table);
        longbow::testing::FakeTaskContext task;
        Value::Object fields{{"query", "SELECT sum(id)::BIGINT + ? FROM t"},
                             {"parameters", Value::List{i}}};
        auto reader = service_->Execute({fields, inputs, task});
        auto result = reader.ok() ? (*reader)->ToTable() : reader.status();
        const bool good =
            result.ok() && (*result)->column(0)->GetScalar(0).ValueOrDie()->ToString() ==
                               std::to_string(499500 + i);
        if (!good) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(engine_->running(), 0);
}

TEST_F(SqlServiceTest, SpillFolderThatIsNone) {
  EngineOptions options;
  options.spill_folder = (spill_parent_ / "not" / "there").string();
  const arrow::Status status = QueryEngine::Make(options).status();
  EXPECT_EQ(CodeName(status), "BAD_ARGUMENT");
  EXPECT_NE(status.message().find("spill_folder"), std::string::npos);
}

TEST_F(SqlServiceTest, SpillFoldersOfTheDeadAreRemoved) {
  const auto dead = spill_parent_ / "longbow-sql-dead";
  std::filesystem::create_directories(dead / "3");
  std::fclose(std::fopen((dead / "owner.lock").c_str(), "w"));
  const auto other = spill_parent_ / "other";
  std::filesystem::create_directories(other);
  const auto living = SpillFolder::Make(spill_parent_.string()).ValueOrDie();
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_TRUE(std::filesystem::exists(other));
  {
    const auto next = SpillFolder::Make(spill_parent_.string()).ValueOrDie();
    EXPECT_TRUE(std::filesystem::exists(living->path()));
  }
  std::filesystem::remove(other);
}

}  // namespace
}  // namespace longbow::sql
