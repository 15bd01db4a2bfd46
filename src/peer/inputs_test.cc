#include "peer/inputs.h"

#include <atomic>

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "task/task_fakes.h"

namespace longbow::peer {
namespace {

using namespace task_test;  // NOLINT: gates, scripts and a registry
using Names = std::vector<std::string>;

std::shared_ptr<arrow::Schema> ThreeColumns() {
  // `x` comes twice.
  return arrow::schema({arrow::field("x", arrow::int64()), arrow::field("y", arrow::int64()),
                        arrow::field("x", arrow::int64())},
                       arrow::key_value_metadata({{"owner", "finance"}}));
}

std::shared_ptr<arrow::RecordBatch> ThreeColumnBatch(int64_t value) {
  return arrow::RecordBatch::Make(
      ThreeColumns(), 1,
      {Batch(value)->column(0), Batch(value + 1)->column(0), Batch(value + 2)->column(0)});
}

class FakeFlight : public StoredFlight {
 public:
  explicit FakeFlight(arrow::RecordBatchVector batches)
      : info_{.path = *FlightPath::Make({"raw", "sales"}),
              .revision = 3,
              .schema = ThreeColumns(),
              .rows = static_cast<int64_t>(batches.size()),
              .bytes = 100,
              .created = {},
              .expires = {}},
        batches_(std::move(batches)) {}
  const StoredFlightInfo& info() const override { return info_; }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() const override {
    return arrow::RecordBatchReader::Make(batches_, info_.schema);
  }
  int64_t message_count() const override { return 0; }
  arrow::Result<std::shared_ptr<const IpcMessage>> message(int64_t) const override {
    return arrow::Status::IndexError("none");
  }

 private:
  StoredFlightInfo info_;
  arrow::RecordBatchVector batches_;
};

std::shared_ptr<const StoredFlight> Flight(int64_t batches) {
  arrow::RecordBatchVector all;
  for (int64_t i = 0; i < batches; ++i) all.push_back(ThreeColumnBatch(10 * i));
  return std::make_shared<FakeFlight>(std::move(all));
}

arrow::Result<std::vector<int64_t>> ReadValues(arrow::RecordBatchReader* reader) {
  std::vector<int64_t> values;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) return values;
    values.push_back(ValueOf(*batch));
  }
}

class InputsTest : public TaskTest {
 protected:
  // The inputs use the registry until they are gone.
  ~InputsTest() override { inputs_.reset(); }

  LocalInputs* Make(std::map<std::string, InputOrigin> origins) {
    inputs_ = LocalInputs::Make(std::move(origins));
    return inputs_.get();
  }

  /// A command that runs `script`. Counts its starts, and remembers what it gave.
  CommandInput Command(Script script, bool own = true) {
    CommandInput input;
    input.run = [this, script, own](std::optional<Names> columns) -> arrow::Result<CommandResult> {
      ++starts_;
      columns_ = columns;
      ARROW_ASSIGN_OR_RAISE(auto task, TrySubmit(script, false, /*nested=*/true));
      task_ = task;
      return CommandResult{std::move(task), nullptr, own};
    };
    return input;
  }

  std::unique_ptr<LocalInputs> inputs_;
  std::atomic<int> starts_{0};
  std::optional<Names> columns_;
  std::shared_ptr<Task> task_;
};

TEST_F(InputsTest, NamesTheInputsThereAre) {
  auto* inputs = Make({{"sales", StoredInput{Flight(1)}}, {"fx", Command(Script::Numbers(1))}});
  EXPECT_EQ(inputs->names(), (Names{"fx", "sales"}));
  auto missing = inputs->Open("nope");
  EXPECT_EQ(ErrorCodeOf(missing.status()), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorDetailOf(missing.status())->detail(), "It has: fx, sales.");
  EXPECT_EQ(ErrorCodeOf(inputs->GetSchema("nope").status()), ErrorCode::kNotFound);
  EXPECT_EQ(inputs->RowCount("nope"), std::nullopt);
  EXPECT_FALSE(inputs->replayable("nope"));
  EXPECT_EQ(starts_, 0);
}

TEST_F(InputsTest, AStoredFlightIsReadAsOftenAsOneLikes) {
  auto* inputs = Make({{"sales", StoredInput{Flight(3)}}});
  EXPECT_EQ((*inputs->GetSchema("sales"))->ToString(), ThreeColumns()->ToString());
  EXPECT_EQ(inputs->RowCount("sales"), 3);
  EXPECT_TRUE(inputs->replayable("sales"));
  for (int i = 0; i < 2; ++i) {
    auto reader = *inputs->Open("sales");
    EXPECT_EQ(*ReadValues(reader.get()), (std::vector<int64_t>{0, 10, 20}));
  }
}

TEST_F(InputsTest, SelectsColumnsInTheOrderWantedWithoutCopying) {
  auto batch = ThreeColumnBatch(5);
  auto flight = std::make_shared<FakeFlight>(arrow::RecordBatchVector{batch});
  auto* inputs = Make({{"sales", StoredInput{flight}}});
  auto reader = *inputs->Open("sales", Names{"y", "x"});
  EXPECT_EQ(reader->schema()->field_names(), (Names{"y", "x"}));
  EXPECT_EQ(reader->schema()->metadata()->ToString(), ThreeColumns()->metadata()->ToString());
  auto selected = *reader->Next();
  EXPECT_EQ(selected->column(0).get(), batch->column(1).get());
  // Of two columns of one name, the first.
  EXPECT_EQ(selected->column(1).get(), batch->column(0).get());
}

TEST_F(InputsTest, NoColumnsLeaveTheNumberOfRows) {
  auto* inputs = Make({{"sales", StoredInput{Flight(2)}}});
  auto reader = *inputs->Open("sales", Names{});
  auto batch = *reader->Next();
  EXPECT_EQ(batch->num_columns(), 0);
  EXPECT_EQ(batch->num_rows(), 1);
}

TEST_F(InputsTest, AnUnknownColumnIsABadArgumentAndUsesNothingUp) {
  auto stream = *arrow::RecordBatchReader::Make({Batch(7)}, OneColumn());
  auto* inputs = Make({{"sales", StoredInput{Flight(1)}},
                       {"input", StreamInput{stream}},
                       {"fx", Command(Script::Numbers(2))}});
  for (const char* name : {"sales", "input", "fx"}) {
    auto status = inputs->Open(name, Names{"x", "z"}).status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << status;
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
    EXPECT_TRUE(inputs->Open(name, Names{"x"}).ok());
  }
}

TEST_F(InputsTest, AStreamIsReadOnce) {
  auto stream = *arrow::RecordBatchReader::Make({Batch(7), Batch(8)}, OneColumn());
  auto* inputs = Make({{"input", StreamInput{stream}}});
  EXPECT_EQ(*inputs->GetSchema("input"), OneColumn());
  EXPECT_EQ(inputs->RowCount("input"), std::nullopt);
  EXPECT_FALSE(inputs->replayable("input"));
  auto reader = *inputs->Open("input");
  EXPECT_EQ(*ReadValues(reader.get()), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(ErrorCodeOf(inputs->Open("input").status()), ErrorCode::kCommandResultConsumed);
}

TEST_F(InputsTest, ACommandIsStartedWhenItIsOpenedAndReadOnce) {
  auto* inputs = Make({{"fx", Command(Script::Numbers(50))}});
  EXPECT_EQ(starts_, 0);
  EXPECT_FALSE(inputs->replayable("fx"));
  auto reader = *inputs->Open("fx", Names{"x"});
  EXPECT_EQ(columns_, Names{"x"});
  EXPECT_EQ(*ReadValues(reader.get()), UpTo(50));
  EXPECT_EQ(ErrorCodeOf(inputs->Open("fx").status()), ErrorCode::kCommandResultConsumed);
  EXPECT_EQ(starts_, 1);
}

TEST_F(InputsTest, TheSchemaIsToldWithoutRunningWhereThatCanBe) {
  CommandInput fx = Command(Script::Numbers(1));
  std::atomic<int> asked{0};
  fx.schema = [&]() -> arrow::Result<std::shared_ptr<arrow::Schema>> {
    ++asked;
    return OneColumn();
  };
  auto* inputs = Make({{"fx", fx}});
  EXPECT_EQ(*inputs->GetSchema("fx"), OneColumn());
  EXPECT_EQ(*inputs->GetSchema("fx"), OneColumn());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(starts_, 0);
}

TEST_F(InputsTest, AFailureToTellTheSchemaNamesTheInput) {
  CommandInput fx = Command(Script::Numbers(1));
  fx.schema = []() -> arrow::Result<std::shared_ptr<arrow::Schema>> {
    return MakeError(ErrorCode::kBadArgument, "no such file", "a hint");
  };
  auto* inputs = Make({{"fx", fx}});
  auto status = inputs->GetSchema("fx").status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_EQ(status.message(), "input 'fx': no such file");
  EXPECT_EQ(ErrorDetailOf(status)->detail(), "a hint");
  EXPECT_EQ(starts_, 0);
}

TEST_F(InputsTest, CommandsThatMustRunToTellTheirSchemaRunSideBySide) {
  limits_.threads = 4;
  // Each starts only once both have begun.
  std::atomic<int> begun{0};
  Gate& both = NewGate();
  Script script = Script::Numbers(3);
  script.on_start = [&](TaskContext&) {
    if (++begun == 2) both.Open();
    EXPECT_TRUE(both.Wait());
    return arrow::Status::OK();
  };
  CommandInput told = Command(Script::Numbers(1));
  told.schema = []() -> arrow::Result<std::shared_ptr<arrow::Schema>> { return OneColumn(); };
  auto* inputs = Make({{"a", Command(script)}, {"b", Command(script)}, {"c", told}});
  EXPECT_EQ(*inputs->GetSchema("a"), OneColumn());
  EXPECT_EQ(starts_, 2);
  EXPECT_EQ(*inputs->GetSchema("b"), OneColumn());
  auto reader = *inputs->Open("b", Names{"x"});
  EXPECT_EQ(*ReadValues(reader.get()), UpTo(3));
}

TEST_F(InputsTest, TheFullSchemaIsToldAfterItWasOpenedForSomeColumns) {
  CommandInput fx = Command(Script::Numbers(1));
  fx.schema = []() -> arrow::Result<std::shared_ptr<arrow::Schema>> { return ThreeColumns(); };
  auto* inputs = Make({{"fx", fx}});
  ASSERT_TRUE(inputs->Open("fx", Names{"x"}).ok());
  EXPECT_EQ((*inputs->GetSchema("fx"))->num_fields(), 3);
}

TEST_F(InputsTest, ACommandThatWasDoneBeforeIsAStoredFlight) {
  CommandInput fx;
  fx.run = [](std::optional<Names>) -> arrow::Result<CommandResult> {
    return CommandResult{nullptr, Flight(2)};
  };
  auto* inputs = Make({{"fx", fx}});
  EXPECT_EQ((*inputs->GetSchema("fx"))->num_fields(), 3);
  EXPECT_EQ(inputs->RowCount("fx"), 2);
  EXPECT_TRUE(inputs->replayable("fx"));
  for (int i = 0; i < 2; ++i) {
    auto reader = *inputs->Open("fx", Names{"y"});
    EXPECT_EQ(*ReadValues(reader.get()), (std::vector<int64_t>{1, 11}));
  }
}

TEST_F(InputsTest, ACommandThatStoresItsResultIsReadFromTheStore) {
  auto log = std::make_shared<PutLog>();
  CommandInput fx = Command(Stored(Script::Numbers(2), log), /*own=*/false);
  std::optional<StoredFlightInfo> asked;
  fx.find_stored = [&](const StoredFlightInfo& info) {
    asked = info;
    return Flight(2);
  };
  auto* inputs = Make({{"fx", fx}});
  EXPECT_EQ((*inputs->GetSchema("fx"))->num_fields(), 3);
  EXPECT_EQ(asked->revision, 7);
  EXPECT_TRUE(inputs->replayable("fx"));
  for (int i = 0; i < 2; ++i) {
    auto reader = *inputs->Open("fx");
    EXPECT_EQ(*ReadValues(reader.get()), (std::vector<int64_t>{0, 10}));
  }
  EXPECT_EQ(log->count_committed(), 1);
}

TEST_F(InputsTest, AStoredResultThatIsGoneIsNotFound) {
  CommandInput fx = Command(Stored(Script::Numbers(2), std::make_shared<PutLog>()), /*own=*/false);
  fx.find_stored = [](const StoredFlightInfo&) { return nullptr; };
  auto* inputs = Make({{"fx", fx}});
  EXPECT_EQ(ErrorCodeOf(inputs->Open("fx").status()), ErrorCode::kNotFound);
}

TEST_F(InputsTest, ErrorsNameTheInput) {
  Script broken = Script::Numbers(0);
  broken.on_start = [](TaskContext&) { return arrow::Status::Invalid("no such table"); };
  Script breaks;
  breaks.next = [](int64_t i, TaskContext&) -> BatchResult {
    return MakeError(ErrorCode::kDataLoss, "the file ends early");
  };
  auto* inputs = Make({{"a", Command(broken)}, {"b", Command(breaks)}});
  for (int i = 0; i < 2; ++i) {
    auto status = inputs->Open("a").status();
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kCommandFailed);
    EXPECT_EQ(status.message(), "input 'a': no such table");
  }
  auto reader = inputs->Open("b");
  auto status = reader.ok() ? ReadValues(reader->get()).status() : reader.status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kDataLoss);
  EXPECT_EQ(status.message(), "input 'b': the file ends early");
}

TEST_F(InputsTest, AnErrorOfTheStartIsSaidEachTime) {
  CommandInput fx;
  fx.run = [this](std::optional<Names>) -> arrow::Result<CommandResult> {
    ++starts_;
    return MakeError(ErrorCode::kBackpressure, "full");
  };
  auto* inputs = Make({{"fx", fx}});
  EXPECT_EQ(ErrorCodeOf(inputs->GetSchema("fx").status()), ErrorCode::kBackpressure);
  EXPECT_EQ(ErrorCodeOf(inputs->Open("fx").status()), ErrorCode::kBackpressure);
  EXPECT_EQ(starts_, 1);
}

TEST_F(InputsTest, ClosingAReaderBeforeItsEndLetsGoOfTheTask) {
  limits_.buffer_bytes = 1000;
  auto* inputs = Make({{"fx", Command(Script::Numbers(1000))}});
  auto reader = *inputs->Open("fx", Names{"x"});
  ASSERT_TRUE(reader->Next().ok());
  ASSERT_TRUE(reader->Close().ok());
  EXPECT_EQ(task_->info().state, TaskState::kCancelled);
  EXPECT_FALSE(reader->Next().ok());
}

/// A start that lasts until the task is cancelled.
Script UntilCancelled(Gate* started, Gate* woken) {
  Script script = Script::Numbers(1);
  script.on_start = [started, woken](TaskContext& context) {
    context.SetCancelCallback([woken] { woken->Open(); });
    started->Open();
    EXPECT_TRUE(woken->Wait());
    return context.CancelledError();
  };
  return script;
}

TEST_F(InputsTest, CancellingReachesTheTasksOfItsOwnAndWhoWaitsForThem) {
  Gate& started = NewGate();
  Gate& woken = NewGate();
  auto* inputs = Make(
      {{"fx", Command(UntilCancelled(&started, &woken))}, {"late", Command(Script::Numbers(1))}});
  std::thread reader(
      [&] { EXPECT_EQ(ErrorCodeOf(inputs->Open("fx").status()), ErrorCode::kCommandCancelled); });
  ASSERT_TRUE(started.Wait());
  inputs->Cancel();
  reader.join();
  EXPECT_EQ(task_->info().state, TaskState::kCancelled);
  EXPECT_EQ(ErrorCodeOf(inputs->Open("late").status()), ErrorCode::kCommandCancelled);
  EXPECT_EQ(ErrorCodeOf(inputs->GetSchema("late").status()), ErrorCode::kCommandCancelled);
  EXPECT_EQ(starts_, 1);
}

TEST_F(InputsTest, CancellingLeavesATaskOfOthersAloneAndEndsTheWait) {
  Gate& started = NewGate();
  Gate& go = NewGate();
  Script script = Stored(Script::Numbers(1), std::make_shared<PutLog>());
  script.on_start = [&](TaskContext&) {
    started.Open();
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  // Somebody else has begun it.
  auto shared = Submit(script);
  ASSERT_TRUE(started.Wait());
  CommandInput fx;
  Gate& asked = NewGate();
  fx.run = [&](std::optional<Names>) -> arrow::Result<CommandResult> {
    asked.Open();
    return CommandResult{shared, nullptr, /*own=*/false};
  };
  fx.find_stored = [](const StoredFlightInfo&) { return Flight(1); };
  auto* inputs = Make({{"fx", fx}});
  std::thread reader(
      [&] { EXPECT_EQ(ErrorCodeOf(inputs->Open("fx").status()), ErrorCode::kCommandCancelled); });
  ASSERT_TRUE(asked.Wait());
  inputs->Cancel();
  reader.join();
  go.Open();
  EXPECT_TRUE(shared->Wait()->stored);
}

TEST_F(InputsTest, AFullPoolDoesNotBlockTheWaitForATaskOfOthers) {
  limits_.threads = 1;
  Gate& go = NewGate();
  Occupy(&go);
  CommandInput fx = Command(Stored(Script::Numbers(1), std::make_shared<PutLog>()), /*own=*/false);
  fx.find_stored = [](const StoredFlightInfo&) { return Flight(1); };
  auto* inputs = Make({{"fx", fx}});
  EXPECT_TRUE(inputs->Open("fx").ok());
  go.Open();
}

TEST_F(InputsTest, DestroyingTheInputsCancelsWhatNobodyReads) {
  limits_.buffer_bytes = 1000;
  Gate& destroyed = NewGate();
  Script script = Script::Numbers(1000);
  script.on_work_destroyed = [&] { destroyed.Open(); };
  Make({{"fx", Command(std::move(script))}});
  ASSERT_TRUE(inputs_->GetSchema("fx").ok());
  inputs_.reset();
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_EQ(task_->info().state, TaskState::kCancelled);
}

TEST_F(InputsTest, ManyThreadsUseThemAtOnce) {
  std::map<std::string, InputOrigin> origins{{"sales", StoredInput{Flight(5)}}};
  for (int i = 0; i < 8; ++i) {
    CommandInput input;
    input.run = [this](std::optional<Names>) -> arrow::Result<CommandResult> {
      ARROW_ASSIGN_OR_RAISE(auto task, TrySubmit(Script::Numbers(20), false, /*nested=*/true));
      return CommandResult{std::move(task), nullptr};
    };
    origins.emplace("c" + std::to_string(i), input);
  }
  registry();
  auto* inputs = Make(std::move(origins));
  std::atomic<int> read{0};
  std::atomic<int> consumed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (const auto& name : inputs->names()) {
        EXPECT_TRUE(inputs->GetSchema(name).ok());
        (void)inputs->RowCount(name);
        (void)inputs->replayable(name);
        auto reader = inputs->Open(name);
        if (!reader.ok()) {
          EXPECT_EQ(ErrorCodeOf(reader.status()), ErrorCode::kCommandResultConsumed);
          ++consumed;
          continue;
        }
        EXPECT_TRUE(ReadValues(reader->get()).ok());
        ++read;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(read, 8 + 4);
  EXPECT_EQ(consumed, 3 * 8);
}

}  // namespace
}  // namespace longbow::peer
