// Results that are stored: all of it or nothing.

#include <stdexcept>

#include "task/task_fakes.h"

namespace longbow {
namespace {

using namespace task_test;  // NOLINT: the tests' own vocabulary

class TaskStoreTest : public TaskTest {
 protected:
  std::shared_ptr<PutLog> log_ = std::make_shared<PutLog>();
};

TEST_F(TaskStoreTest, TheOutcomeComesWhenTheFlightIsStored) {
  Gate& commit = NewGate();
  log_->on_commit = [&] {
    EXPECT_TRUE(commit.Wait());
    return arrow::Status::OK();
  };
  Gate& destroyed = NewGate();
  Script script = Stored(Script::Numbers(3, 2), log_);
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  OutcomeCatcher outcome;
  task->AddWaiter(outcome.callback());
  EXPECT_EQ(outcome.calls, 0);
  commit.Open();
  auto result = outcome.Get();
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->stored);
  EXPECT_EQ(result->stored->revision, 7);
  EXPECT_EQ(result->rows, 6);
  EXPECT_EQ(result->bytes, 100);
  EXPECT_EQ(result->schema, OneColumn());
  EXPECT_EQ(log_->values, UpTo(3));
  EXPECT_EQ(task->info().state, TaskState::kDone);
  EXPECT_EQ(task->info().rows, 6);
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_EQ(log_->count_aborted(), 0);
}

TEST_F(TaskStoreTest, AStoredResultIsNotReadFromTheTask) {
  auto task = Submit(Stored(Script::Numbers(1), log_));
  ASSERT_TRUE(task->Wait().ok());
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kInvalidTicket);
  EXPECT_EQ(ErrorCodeOf(task->Cancel()), ErrorCode::kCommandCancelNotPossible);
}

TEST_F(TaskStoreTest, AResultLargerThanTheBufferIsStored) {
  limits_.buffer_bytes = 1000;
  auto task = Submit(Stored(Script::Numbers(500), log_));
  ASSERT_TRUE(task->Wait().ok());
  EXPECT_EQ(log_->values, UpTo(500));
}

TEST_F(TaskStoreTest, WhoWaitsStoresItWhereNoWorkerIsFree) {
  limits_.threads = 1;
  Gate& go = NewGate();
  Occupy(&go);
  auto task = Submit(Stored(Script::Numbers(5), log_));
  EXPECT_TRUE(task->Wait()->stored);
  EXPECT_EQ(log_->values, UpTo(5));
  go.Open();
}

TEST_F(TaskStoreTest, CancellingBeforeTheCommitLeavesNothing) {
  Gate& running = NewGate();
  Gate& woken = NewGate();
  Script script = Script::Numbers(1000);
  script.next = [&, next = script.next](int64_t i, TaskContext& context) -> BatchResult {
    if (i == 3) {
      context.SetCancelCallback([&] { woken.Open(); });
      running.Open();
      EXPECT_TRUE(woken.Wait());
    }
    return next(i, context);
  };
  auto task = Submit(Stored(std::move(script), log_));
  OutcomeCatcher outcome;
  task->AddWaiter(outcome.callback());
  ASSERT_TRUE(running.Wait());
  EXPECT_TRUE(task->Cancel().ok());
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(ErrorCodeOf(outcome.Get().status()), ErrorCode::kCommandCancelled);
  EXPECT_TRUE(Eventually([&] { return log_->count_aborted() == 1; }));
  EXPECT_EQ(log_->count_committed(), 0);
}

TEST_F(TaskStoreTest, CancellingAfterTheLastBatchLeavesNothing) {
  Gate& running = NewGate();
  Gate& go = NewGate();
  Script script = Script::Numbers(3);
  script.next = [&, next = script.next](int64_t i, TaskContext& context) -> BatchResult {
    if (i == 3) {
      running.Open();
      EXPECT_TRUE(go.Wait());
    }
    return next(i, context);
  };
  auto task = Submit(Stored(std::move(script), log_));
  ASSERT_TRUE(running.Wait());
  EXPECT_TRUE(task->Cancel().ok());
  go.Open();
  EXPECT_TRUE(Eventually([&] { return log_->count_aborted() == 1; }));
  EXPECT_EQ(log_->count_committed(), 0);
}

TEST_F(TaskStoreTest, CancellingOnceTheCommitHasBegunIsNotPossible) {
  Gate& committing = NewGate();
  Gate& go = NewGate();
  log_->on_commit = [&] {
    committing.Open();
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  auto task = Submit(Stored(Script::Numbers(3), log_));
  ASSERT_TRUE(committing.Wait());
  EXPECT_EQ(ErrorCodeOf(task->Cancel()), ErrorCode::kCommandCancelNotPossible);
  go.Open();
  ASSERT_TRUE(task->Wait().ok());
  EXPECT_EQ(log_->count_committed(), 1);
}

TEST_F(TaskStoreTest, AFailureInTheStreamStoresNothingBeforeAnybodyHearsOfIt) {
  Script script;
  script.next = [](int64_t i, TaskContext&) -> BatchResult {
    if (i == 3) return MakeError(ErrorCode::kDataLoss, "the file ends early");
    return Batch(i);
  };
  auto task = Submit(Stored(std::move(script), log_));
  EXPECT_EQ(ErrorCodeOf(task->Wait().status()), ErrorCode::kDataLoss);
  EXPECT_EQ(log_->count_aborted(), 1);
  EXPECT_EQ(log_->count_committed(), 0);
}

TEST_F(TaskStoreTest, ErrorsOfTheStoreAreTheTasks) {
  log_->on_append = [](int64_t value) {
    return value == 2 ? MakeError(ErrorCode::kBackpressure, "the store is full")
                      : arrow::Status::OK();
  };
  EXPECT_EQ(ErrorCodeOf(Submit(Stored(Script::Numbers(5), log_))->Wait().status()),
            ErrorCode::kBackpressure);
  log_->on_append = nullptr;
  log_->on_commit = [] { return MakeError(ErrorCode::kAlreadyExists, "somebody was first"); };
  EXPECT_EQ(ErrorCodeOf(Submit(Stored(Script::Numbers(5), log_))->Wait().status()),
            ErrorCode::kAlreadyExists);
  Script script = Script::Numbers(1);
  script.begin_put = []() -> arrow::Result<std::unique_ptr<FlightPut>> {
    return MakeError(ErrorCode::kReadOnly, "the store is read only");
  };
  EXPECT_EQ(ErrorCodeOf(Submit(std::move(script))->Wait().status()), ErrorCode::kReadOnly);
  EXPECT_EQ(log_->count_committed(), 0);
  EXPECT_EQ(log_->count_aborted(), 2);
}

TEST_F(TaskStoreTest, ExceptionsOfTheStoreAreInternalErrors) {
  log_->on_commit = []() -> arrow::Status { throw std::runtime_error("bug"); };
  EXPECT_EQ(ErrorCodeOf(Submit(Stored(Script::Numbers(5), log_))->Wait().status()),
            ErrorCode::kInternalError);
  EXPECT_EQ(log_->count_aborted(), 1);
}

}  // namespace
}  // namespace longbow
