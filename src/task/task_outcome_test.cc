// From the submission to the outcome: starts, waiters, errors, helping, cancelling.

#include <stdexcept>

#include "task/task_fakes.h"

namespace longbow {
namespace {

using namespace task_test;  // NOLINT: the tests' own vocabulary

class TaskOutcomeTest : public TaskTest {};

TEST_F(TaskOutcomeTest, StatesHaveNames) {
  EXPECT_EQ(TaskStateName(TaskState::kQueued), "QUEUED");
  EXPECT_EQ(TaskStateName(TaskState::kStarting), "STARTING");
  EXPECT_EQ(TaskStateName(TaskState::kStreaming), "STREAMING");
  EXPECT_EQ(TaskStateName(TaskState::kDone), "DONE");
  EXPECT_EQ(TaskStateName(TaskState::kFailed), "FAILED");
  EXPECT_EQ(TaskStateName(TaskState::kCancelled), "CANCELLED");
}

TEST_F(TaskOutcomeTest, TheOutcomeComesWithTheSchemaAndBeforeTheData) {
  Gate& data = NewGate();
  Script script = Script::Numbers(2);
  script.next = [&, next = script.next](int64_t i, TaskContext& context) {
    EXPECT_TRUE(data.Wait());
    return next(i, context);
  };
  auto task = Submit(std::move(script));
  OutcomeCatcher outcome;
  task->AddWaiter(outcome.callback());
  auto result = outcome.Get();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->schema, OneColumn());
  EXPECT_EQ(result->rows, -1);
  EXPECT_EQ(result->bytes, -1);
  EXPECT_FALSE(result->stored);
  data.Open();
}

TEST_F(TaskOutcomeTest, ALaterWaiterGetsRowsAndBytesOfACompleteResult) {
  auto task = Submit(Script::Numbers(3, 10));
  ASSERT_TRUE(task->Wait().ok());
  ASSERT_TRUE(Eventually([&] { return task->Wait()->rows >= 0; }));
  OutcomeCatcher outcome;
  task->AddWaiter(outcome.callback());
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(outcome.Get()->rows, 30);
  EXPECT_EQ(outcome.Get()->bytes, 240);
  EXPECT_EQ(task->info().rows, 30);
  EXPECT_EQ(task->info().bytes, 240);
  EXPECT_EQ(task->info().progress, 1.0);
}

TEST_F(TaskOutcomeTest, StartAndFirstStepAreOneHopOnOneThread) {
  std::thread::id started, produced;
  Gate& finished = NewGate();
  Script script = Script::Numbers(5);
  script.on_start = [&](TaskContext&) {
    started = std::this_thread::get_id();
    return arrow::Status::OK();
  };
  script.next = [&, next = script.next](int64_t i, TaskContext& context) {
    produced = std::this_thread::get_id();
    return next(i, context);
  };
  script.on_work_destroyed = [&] { finished.Open(); };
  auto task = Submit(std::move(script));
  ASSERT_TRUE(finished.Wait());
  EXPECT_EQ(started, produced);
  EXPECT_NE(started, std::this_thread::get_id());
}

TEST_F(TaskOutcomeTest, IdsAre128RandomBits) {
  auto one = Submit(Script::Numbers(0));
  auto two = Submit(Script::Numbers(0));
  EXPECT_EQ(one->id().size(), 32u);
  EXPECT_EQ(one->id().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(one->id(), two->id());
}

TEST_F(TaskOutcomeTest, TheContextKnowsTheTask) {
  std::string id;
  Script script = Script::Numbers(0);
  Gate& progressed = NewGate();
  Gate& go = NewGate();
  script.on_start = [&](TaskContext& context) {
    id = context.task_id();
    context.SetProgress(0.25);
    EXPECT_FALSE(context.cancelled());
    progressed.Open();
    EXPECT_TRUE(go.Wait());
    context.SetProgress(17);
    return arrow::Status::OK();
  };
  auto task = Submit(std::move(script));
  ASSERT_TRUE(progressed.Wait());
  EXPECT_EQ(task->info().progress, 0.25);
  EXPECT_EQ(task->info().state, TaskState::kStarting);
  EXPECT_EQ(task->info().service, "fake");
  EXPECT_EQ(task->info().created, clock_.WallNow());
  go.Open();
  ASSERT_TRUE(task->Wait().ok());
  EXPECT_EQ(task->info().progress, 1.0);
  EXPECT_EQ(id, task->id());
}

TEST_F(TaskOutcomeTest, AnErrorWithACodeKeepsIt) {
  Script script = Script::Numbers(0);
  script.on_start = [](TaskContext&) {
    return MakeError(ErrorCode::kNotFound, "no such table", "line 1");
  };
  auto task = Submit(std::move(script));
  auto outcome = task->Wait();
  EXPECT_EQ(ErrorCodeOf(outcome.status()), ErrorCode::kNotFound);
  EXPECT_EQ(outcome.status().message(), "no such table");
  EXPECT_EQ(task->info().state, TaskState::kFailed);
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kNotFound);
  EXPECT_EQ(ErrorCodeOf(task->Cancel()), ErrorCode::kCommandCancelNotPossible);
}

TEST_F(TaskOutcomeTest, AnErrorWithoutACodeIsAFailedCommand) {
  Script script = Script::Numbers(0);
  script.on_start = [](TaskContext&) { return arrow::Status::Invalid("division by zero"); };
  auto outcome = Submit(std::move(script))->Wait();
  EXPECT_EQ(ErrorCodeOf(outcome.status()), ErrorCode::kCommandFailed);
  EXPECT_EQ(outcome.status().message(), "division by zero");
}

TEST_F(TaskOutcomeTest, AnExceptionIsAnInternalErrorAndItsTextIsInTheLogOnly) {
  Script script = Script::Numbers(0);
  script.on_start = [](TaskContext&) -> arrow::Status {
    throw std::runtime_error("password=secret");
  };
  auto outcome = Submit(std::move(script))->Wait();
  EXPECT_EQ(ErrorCodeOf(outcome.status()), ErrorCode::kInternalError);
  EXPECT_EQ(outcome.status().ToString().find("secret"), std::string::npos);
  EXPECT_TRUE(logger_.Contains("password=secret"));
}

TEST_F(TaskOutcomeTest, SomethingElseThrownIsAnInternalErrorToo) {
  Script script = Script::Numbers(0);
  script.on_start = [](TaskContext&) -> arrow::Status { throw 42; };
  EXPECT_EQ(ErrorCodeOf(Submit(std::move(script))->Wait().status()), ErrorCode::kInternalError);
}

TEST_F(TaskOutcomeTest, AnExceptionInTheStreamReachesTheReader) {
  Script script;
  script.next = [](int64_t i, TaskContext&) -> BatchResult {
    throw std::runtime_error("password=secret");
  };
  auto task = Submit(std::move(script));
  // The outcome may be the schema or the failure, whichever is first looked at.
  (void)task->Wait();
  ASSERT_TRUE(Eventually([&] { return task->info().state == TaskState::kFailed; }));
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kInternalError);
}

TEST_F(TaskOutcomeTest, ABatchOfAnotherSchemaIsAnInternalError) {
  Script script;
  script.next = [](int64_t i, TaskContext&) -> BatchResult {
    return arrow::RecordBatch::Make(arrow::schema({}), 3, arrow::ArrayVector());
  };
  auto task = Submit(std::move(script));
  (void)task->Wait();
  ASSERT_TRUE(Eventually([&] { return task->info().state == TaskState::kFailed; }));
  EXPECT_EQ(ErrorCodeOf(task->Wait().status()), ErrorCode::kInternalError);
}

TEST_F(TaskOutcomeTest, TenThousandWaitersAreEachCalledOnce) {
  Gate& go = NewGate();
  Script script = Script::Numbers(1);
  script.on_start = [&](TaskContext&) {
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  auto task = Submit(std::move(script));
  constexpr int kWaiters = 10000;
  std::atomic<int> called{0};
  std::vector<int64_t> removed;
  for (int i = 0; i < kWaiters; ++i) {
    const int64_t id = task->AddWaiter([&](const arrow::Result<Task::Outcome>& outcome) {
      EXPECT_TRUE(outcome.ok());
      ++called;
    });
    if (i % 10 == 0) removed.push_back(id);
  }
  for (int64_t id : removed) EXPECT_TRUE(task->RemoveWaiter(id));
  go.Open();
  ASSERT_TRUE(task->Wait().ok());
  const int expected = kWaiters - static_cast<int>(removed.size());
  ASSERT_TRUE(Eventually([&] { return called == expected; }));
  for (int64_t id : removed) EXPECT_FALSE(task->RemoveWaiter(id));
  EXPECT_EQ(called, expected);
}

TEST_F(TaskOutcomeTest, AWaiterThatWasCalledCannotBeRemoved) {
  auto task = Submit(Script::Numbers(0));
  OutcomeCatcher outcome;
  const int64_t id = task->AddWaiter(outcome.callback());
  ASSERT_TRUE(outcome.Get().ok());
  EXPECT_FALSE(task->RemoveWaiter(id));
}

TEST_F(TaskOutcomeTest, AWaiterMayUseTheTask) {
  auto task = Submit(Script::Numbers(3));
  Gate& read = NewGate();
  std::unique_ptr<Task::Reader> reader;
  task->AddWaiter([&](const arrow::Result<Task::Outcome>& outcome) {
    EXPECT_TRUE(task->info().id == task->id());
    reader = *task->OpenReader();
    task->AddWaiter([&](const arrow::Result<Task::Outcome>&) { read.Open(); });
  });
  ASSERT_TRUE(read.Wait());
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/false), UpTo(3));
}

TEST_F(TaskOutcomeTest, CancellingAQueuedTaskNeverStartsIt) {
  limits_.threads = 1;
  Gate& go = NewGate();
  Gate& destroyed = NewGate();
  Occupy(&go);
  Script script = Script::Numbers(1);
  script.on_start = [](TaskContext&) {
    ADD_FAILURE() << "started";
    return arrow::Status::OK();
  };
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  EXPECT_EQ(task->info().state, TaskState::kQueued);
  OutcomeCatcher outcome;
  task->AddWaiter(outcome.callback());
  EXPECT_TRUE(task->Cancel().ok());
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(ErrorCodeOf(outcome.Get().status()), ErrorCode::kCommandCancelled);
  EXPECT_EQ(task->info().state, TaskState::kCancelled);
  EXPECT_EQ(ErrorCodeOf(task->Cancel()), ErrorCode::kCommandCancelNotPossible);
  go.Open();
  EXPECT_TRUE(destroyed.Wait());
}

TEST_F(TaskOutcomeTest, CancellingARunningStartAnswersAtOnceAndWakesItUp) {
  Gate& started = NewGate();
  Gate& woken = NewGate();
  Gate& destroyed = NewGate();
  Script script = Script::Numbers(1);
  script.on_start = [&](TaskContext& context) {
    context.SetCancelCallback([&] { woken.Open(); });
    started.Open();
    EXPECT_TRUE(woken.Wait());
    EXPECT_TRUE(context.cancelled());
    return context.CancelledError();
  };
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  ASSERT_TRUE(started.Wait());
  EXPECT_TRUE(task->Cancel().ok());
  EXPECT_EQ(ErrorCodeOf(task->Wait().status()), ErrorCode::kCommandCancelled);
  EXPECT_TRUE(destroyed.Wait());
}

TEST_F(TaskOutcomeTest, AStartThatIgnoresTheCancellationIsNotRead) {
  Gate& started = NewGate();
  Gate& go = NewGate();
  Gate& destroyed = NewGate();
  Script script;
  script.on_start = [&](TaskContext&) {
    started.Open();
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  script.next = [](int64_t, TaskContext&) -> BatchResult {
    ADD_FAILURE() << "read";
    return std::shared_ptr<arrow::RecordBatch>();
  };
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  ASSERT_TRUE(started.Wait());
  EXPECT_TRUE(task->Cancel().ok());
  go.Open();
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_EQ(task->info().state, TaskState::kCancelled);
}

TEST_F(TaskOutcomeTest, WhoWaitsRunsAStartThatNoWorkerHasBegun) {
  limits_.threads = 1;
  Gate& go = NewGate();
  Occupy(&go);
  std::thread::id started;
  Script script = Script::Numbers(3);
  script.on_start = [&](TaskContext&) {
    started = std::this_thread::get_id();
    return arrow::Status::OK();
  };
  auto task = Submit(std::move(script));
  ASSERT_TRUE(task->Wait().ok());
  EXPECT_EQ(started, std::this_thread::get_id());
  auto reader = *task->OpenReader();
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/true), UpTo(3));
  go.Open();
}

// Each task reads a task below it, and all of them have one thread.
TEST_F(TaskOutcomeTest, NestedTasksOnOneThreadDoNotDeadlock) {
  limits_.threads = 1;
  limits_.queue_length = 1;
  limits_.buffer_bytes = 1000;
  std::function<Script(int)> nest = [&](int depth) -> Script {
    if (depth == 0) return Script::Numbers(20);
    auto reader = std::make_shared<std::unique_ptr<Task::Reader>>();
    Script script;
    script.on_start = [this, &nest, depth, reader](TaskContext&) -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto child, TrySubmit(nest(depth - 1), false, /*nested=*/true));
      ARROW_RETURN_NOT_OK(child->Wait());
      ARROW_ASSIGN_OR_RAISE(*reader, child->OpenReader());
      return arrow::Status::OK();
    };
    script.next = [reader](int64_t, TaskContext&) { return (*reader)->NextBlocking(); };
    return script;
  };
  auto task = Submit(nest(10));
  OutcomeCatcher outcome;
  task->AddWaiter(outcome.callback());
  ASSERT_TRUE(outcome.Get().ok()) << outcome.Get().status();
  auto reader = *task->OpenReader();
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/false), UpTo(20));
}

TEST_F(TaskOutcomeTest, APoolFullOfParentsDoesNotDeadlock) {
  limits_.threads = 2;
  constexpr int kParents = 20;
  std::vector<std::shared_ptr<Task>> parents;
  for (int i = 0; i < kParents; ++i) {
    auto readers = std::make_shared<std::vector<std::unique_ptr<Task::Reader>>>();
    Script script;
    script.on_start = [this, readers](TaskContext&) -> arrow::Status {
      std::vector<std::shared_ptr<Task>> children;
      for (int c = 0; c < 3; ++c) {
        ARROW_ASSIGN_OR_RAISE(auto child, TrySubmit(Script::Numbers(5), false, /*nested=*/true));
        children.push_back(std::move(child));
      }
      for (const auto& child : children) {
        ARROW_RETURN_NOT_OK(child->Wait());
        ARROW_ASSIGN_OR_RAISE(auto reader, child->OpenReader());
        readers->push_back(std::move(reader));
      }
      return arrow::Status::OK();
    };
    script.next = [readers](int64_t, TaskContext&) -> BatchResult {
      std::shared_ptr<arrow::RecordBatch> last;
      for (auto& reader : *readers) {
        ARROW_ASSIGN_OR_RAISE(last, reader->NextBlocking());
      }
      return last;
    };
    parents.push_back(Submit(std::move(script)));
  }
  for (const auto& parent : parents) {
    OutcomeCatcher outcome;
    parent->AddWaiter(outcome.callback());
    ASSERT_TRUE(outcome.Get().ok());
    auto reader = *parent->OpenReader();
    EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/false), UpTo(5));
  }
}

TEST_F(TaskOutcomeTest, ASharedChildIsRunOnceForAllWhoWait) {
  std::atomic<int> starts{0};
  Script script = Script::Numbers(1);
  script.on_start = [&](TaskContext&) {
    ++starts;
    return arrow::Status::OK();
  };
  auto task = Submit(std::move(script));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(task->Wait().ok()); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(starts, 1);
}

}  // namespace
}  // namespace longbow
