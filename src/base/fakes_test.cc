// The fakes of longbow/testing do what they say.

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>
#include <longbow/testing/fake_inputs.h>
#include <longbow/testing/fake_task_context.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::testing {
namespace {

using std::chrono::seconds;

TEST(FakeClock, MovesByHand) {
  FakeClock clock;
  MonotonicTime now = clock.Now();
  WallTime wall = clock.WallNow();
  EXPECT_EQ(clock.Now(), now);
  clock.Advance(seconds(5));
  EXPECT_EQ(clock.Now() - now, seconds(5));
  EXPECT_EQ(clock.WallNow() - wall, seconds(5));
  clock.AdvanceWall(seconds(-2));
  EXPECT_EQ(clock.Now() - now, seconds(5));
  EXPECT_EQ(clock.WallNow() - wall, seconds(3));
}

TEST(RecordingLogger, KeepsLines) {
  RecordingLogger logger;
  logger.Warning("low on memory", {{"node", "n1"}});
  ASSERT_EQ(logger.lines().size(), 1u);
  EXPECT_EQ(logger.lines()[0].level, LogLevel::kWarning);
  EXPECT_TRUE(logger.Contains("memory"));
  EXPECT_TRUE(logger.Contains("n1"));
  EXPECT_FALSE(logger.Contains("n2"));
}

TEST(FakeTaskContext, RunsItsCallbackOnce) {
  FakeTaskContext task;
  int calls = 0;
  task.SetCancelCallback([&] {
    ++calls;
    task.SetCancelCallback({});  // from inside
  });
  EXPECT_FALSE(task.cancelled());
  std::thread canceller([&] { task.Cancel(); });
  canceller.join();
  task.Cancel();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(calls, 1);
  task.SetCancelCallback([&] { ++calls; });
  EXPECT_EQ(calls, 2) << "set after the cancelling, it runs at once";
  EXPECT_EQ(ErrorCodeOf(task.CancelledError()), ErrorCode::kCommandCancelled);
  task.SetProgress(0.5);
  EXPECT_EQ(task.progress(), 0.5);
}

std::shared_ptr<arrow::Table> SmallTable() {
  auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::int64())});
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues({1, 2, 3}).ok());
  std::shared_ptr<arrow::Array> array = builder.Finish().ValueOrDie();
  return arrow::Table::Make(schema, {array, array});
}

TEST(FakeInputs, GivesTables) {
  FakeInputs inputs;
  inputs.Add("t", SmallTable());
  EXPECT_EQ(inputs.names(), std::vector<std::string>{"t"});
  EXPECT_EQ(inputs.RowCount("t"), 3);
  EXPECT_TRUE(inputs.Open("t").ValueOrDie()->ToTable().ValueOrDie()->Equals(*SmallTable()));
  auto one = inputs.Open("t", {{"b"}}).ValueOrDie()->ToTable().ValueOrDie();
  EXPECT_EQ(one->schema()->field_names(), std::vector<std::string>{"b"});
  auto none = inputs.Open("t", std::vector<std::string>()).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch = none->Next().ValueOrDie();
  EXPECT_EQ(batch->num_columns(), 0);
  EXPECT_EQ(batch->num_rows(), 3);
  EXPECT_EQ(inputs.open_count("t"), 3);
  EXPECT_EQ(ErrorCodeOf(inputs.Open("u").status()), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorCodeOf(inputs.Open("t", {{"c"}}).status()), ErrorCode::kBadArgument);
}

TEST(FakeInputs, MayBreakOffAndBeReadOnce) {
  FakeInputs inputs;
  FakeInputs::Options options;
  options.replayable = false;
  options.end = arrow::Status::IOError("broken");
  inputs.Add("t", SmallTable(), options);
  auto reader = inputs.Open("t").ValueOrDie();
  EXPECT_EQ(reader->Next().ValueOrDie()->num_rows(), 3);
  EXPECT_TRUE(reader->Next().status().IsIOError());
  EXPECT_EQ(ErrorCodeOf(inputs.Open("t").status()), ErrorCode::kCommandResultConsumed);
}

}  // namespace
}  // namespace longbow::testing
