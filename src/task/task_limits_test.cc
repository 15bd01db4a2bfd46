// What the registry bounds, forgets and shuts down.

#include "task/task_fakes.h"

namespace longbow {
namespace {

using namespace task_test;  // NOLINT: the tests' own vocabulary
using std::chrono::seconds;

class TaskLimitsTest : public TaskTest {
 protected:
  /// A result that was read to its end.
  std::shared_ptr<Task> Consumed() {
    auto task = Submit(Script::Numbers(1));
    auto reader = Open(task);
    EXPECT_EQ(ReadAll(reader.get(), /*blocking=*/true)->size(), 1u);
    return task;
  }
};

TEST_F(TaskLimitsTest, AFullQueueIsBackpressure) {
  limits_.threads = 1;
  limits_.queue_length = 3;
  Gate& go = NewGate();
  Occupy(&go);
  std::vector<std::shared_ptr<Task>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(Submit(Script::Numbers(1)));
  bool destroyed = false;
  Script refused = Script::Numbers(1);
  refused.on_work_destroyed = [&] { destroyed = true; };
  auto result = TrySubmit(std::move(refused));
  EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kBackpressure) << result.status();
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(registry()->List().size(), 3u);
  // An input of another task is run by who waits for it.
  auto nested = Submit(Script::Numbers(1), /*repeatable=*/false, /*nested=*/true);
  EXPECT_TRUE(nested->Wait().ok());
  // A cancelled one makes room.
  EXPECT_TRUE(waiting[0]->Cancel().ok());
  EXPECT_NE(Submit(Script::Numbers(1)), nullptr);
  EXPECT_EQ(ErrorCodeOf(TrySubmit(Script::Numbers(1)).status()), ErrorCode::kBackpressure);
  go.Open();
  EXPECT_TRUE(waiting[1]->Wait().ok());
  EXPECT_TRUE(waiting[2]->Wait().ok());
}

TEST_F(TaskLimitsTest, ShortWorkHasAQueueOfItsOwn) {
  limits_.threads = 1;
  limits_.queue_length = 1;
  Gate& go = NewGate();
  Occupy(&go);
  auto task = Submit(Script::Numbers(1));
  EXPECT_EQ(ErrorCodeOf(TrySubmit(Script::Numbers(1)).status()), ErrorCode::kBackpressure);
  std::atomic<int> ran{0};
  EXPECT_TRUE(registry()->RunSoon("somebody", [&] { ++ran; }).ok());
  EXPECT_EQ(ErrorCodeOf(registry()->RunSoon("somebody", [&] { ++ran; })), ErrorCode::kBackpressure);
  go.Open();
  registry()->Shutdown();
  EXPECT_EQ(ran, 1);
}

TEST_F(TaskLimitsTest, FreeThreadsDoNotCountAsAFullQueue) {
  limits_.threads = 8;
  limits_.queue_length = 0;
  Gate& go = NewGate();
  std::vector<std::shared_ptr<Task>> tasks;
  for (int i = 0; i < 8; ++i) {
    Script script = Script::Numbers(1);
    script.on_start = [&](TaskContext&) {
      EXPECT_TRUE(go.Wait());
      return arrow::Status::OK();
    };
    tasks.push_back(Submit(std::move(script)));
  }
  ASSERT_TRUE(Eventually([&] {
    for (const auto& task : tasks) {
      if (task->info().state != TaskState::kStarting) return false;
    }
    return true;
  }));
  EXPECT_EQ(ErrorCodeOf(TrySubmit(Script::Numbers(1)).status()), ErrorCode::kBackpressure);
  go.Open();
}

TEST_F(TaskLimitsTest, TooManyTasksAreBackpressure) {
  limits_.max_tasks = 3;
  std::vector<std::shared_ptr<Task>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(Submit(Script::Numbers(1)));
    ASSERT_TRUE(tasks.back()->Wait().ok());
  }
  EXPECT_EQ(ErrorCodeOf(TrySubmit(Script::Numbers(1)).status()), ErrorCode::kBackpressure);
  clock_.Advance(seconds(limits_.result_ttl_sec));
  registry()->Sweep();
  EXPECT_TRUE(TrySubmit(Script::Numbers(1)).ok());
}

TEST_F(TaskLimitsTest, TasksThatHoldNothingMakeWayForNewOnes) {
  limits_.max_tasks = 16;
  auto unread = Submit(Script::Numbers(1));
  ASSERT_TRUE(unread->Wait().ok());
  std::string last;
  for (int i = 0; i < 200; ++i) last = Consumed()->id();
  EXPECT_LE(registry()->List().size(), 16u);
  // What can still be read stays.
  EXPECT_EQ(registry()->Find(unread->id()), unread);
  EXPECT_NE(registry()->Find(last), nullptr);
}

TEST_F(TaskLimitsTest, FindsByIdAndListsNewestFirst) {
  auto one = Submit(Script::Numbers(1));
  auto two = Submit(Script::Numbers(1));
  EXPECT_EQ(registry()->Find(one->id()), one);
  EXPECT_EQ(registry()->Find(two->id()), two);
  EXPECT_EQ(registry()->Find("00000000000000000000000000000000"), nullptr);
  EXPECT_EQ(registry()->Find(""), nullptr);
  auto list = registry()->List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, two->id());
  EXPECT_EQ(list[1].id, one->id());
  EXPECT_EQ(list[0].service, "fake");
}

TEST_F(TaskLimitsTest, AnUnreadResultExpiresAndIsFreed) {
  Gate& destroyed = NewGate();
  limits_.buffer_bytes = 1000;
  Script script = Script::Numbers(1000);
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  ASSERT_TRUE(task->Wait().ok());
  clock_.Advance(seconds(limits_.result_ttl_sec) - std::chrono::milliseconds(1));
  registry()->Sweep();
  EXPECT_EQ(registry()->List().size(), 1u);
  clock_.Advance(std::chrono::milliseconds(1));
  registry()->Sweep();
  EXPECT_TRUE(registry()->List().empty());
  EXPECT_EQ(registry()->Find(task->id()), nullptr);
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_EQ(task->info().state, TaskState::kCancelled);
}

TEST_F(TaskLimitsTest, AnExpiredTaskIsUnknownThoughNobodySwept) {
  auto task = Submit(Script::Numbers(1));
  ASSERT_TRUE(task->Wait().ok());
  clock_.Advance(seconds(limits_.result_ttl_sec));
  EXPECT_EQ(registry()->Find(task->id()), nullptr);
}

TEST_F(TaskLimitsTest, FindingATaskAndRenewingItStartsItsTimeAnew) {
  auto task = Submit(Script::Numbers(1));
  ASSERT_TRUE(task->Wait().ok());
  clock_.Advance(seconds(limits_.result_ttl_sec - 1));
  EXPECT_EQ(task->expires(), clock_.WallNow() + seconds(1));
  EXPECT_NE(registry()->Find(task->id()), nullptr);
  EXPECT_EQ(task->expires(), clock_.WallNow() + seconds(limits_.result_ttl_sec));
  clock_.Advance(seconds(limits_.result_ttl_sec - 1));
  registry()->Sweep();
  EXPECT_EQ(task->Renew(), clock_.WallNow() + seconds(limits_.result_ttl_sec));
  clock_.Advance(seconds(limits_.result_ttl_sec - 1));
  registry()->Sweep();
  EXPECT_NE(registry()->Find(task->id()), nullptr);
}

TEST_F(TaskLimitsTest, ARunningTaskDoesNotExpire) {
  Gate& go = NewGate();
  Script script = Script::Numbers(1);
  script.on_start = [&](TaskContext&) {
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  auto task = Submit(std::move(script));
  clock_.Advance(seconds(10 * limits_.result_ttl_sec));
  registry()->Sweep();
  EXPECT_NE(registry()->Find(task->id()), nullptr);
  EXPECT_EQ(task->expires(), clock_.WallNow() + seconds(limits_.result_ttl_sec));
  go.Open();
  EXPECT_TRUE(task->Wait().ok());
}

TEST_F(TaskLimitsTest, AResultThatIsBeingReadDoesNotExpire) {
  auto task = Submit(Script::Numbers(2));
  auto reader = Open(task);
  EXPECT_TRUE(reader->NextBlocking().ok());
  clock_.Advance(seconds(10 * limits_.result_ttl_sec));
  registry()->Sweep();
  EXPECT_EQ(ValueOf(**reader->NextBlocking()), 1);
  EXPECT_EQ(*reader->NextBlocking(), nullptr);
  reader.reset();
  EXPECT_NE(registry()->Find(task->id()), nullptr);
  clock_.Advance(seconds(limits_.result_ttl_sec));
  registry()->Sweep();
  EXPECT_TRUE(registry()->List().empty());
}

TEST_F(TaskLimitsTest, FailedAndConsumedTasksAreForgottenAfterTheirTime) {
  Script script = Script::Numbers(0);
  script.on_start = [](TaskContext&) { return arrow::Status::Invalid("no"); };
  auto failed = Submit(std::move(script));
  EXPECT_FALSE(failed->Wait().ok());
  Consumed();
  EXPECT_EQ(registry()->List().size(), 2u);
  clock_.Advance(seconds(limits_.result_ttl_sec));
  registry()->Sweep();
  EXPECT_TRUE(registry()->List().empty());
}

TEST_F(TaskLimitsTest, ShutdownCancelsAllAndRefusesNewOnes) {
  limits_.threads = 2;
  limits_.buffer_bytes = 1000;
  std::atomic<int> destroyed{0};
  auto counted = [&](Script script) {
    script.on_work_destroyed = [&] { ++destroyed; };
    return script;
  };
  auto stalled = Submit(counted(Script::Numbers(1000)));
  auto reader = Open(stalled);
  Script blocking = Script::Numbers(1);
  Gate& started = NewGate();
  Gate& woken = NewGate();
  blocking.on_start = [&](TaskContext& context) {
    context.SetCancelCallback([&] { woken.Open(); });
    started.Open();
    EXPECT_TRUE(woken.Wait());
    return context.CancelledError();
  };
  auto running = Submit(counted(std::move(blocking)));
  ASSERT_TRUE(started.Wait());
  OutcomeCatcher outcome;
  running->AddWaiter(outcome.callback());
  auto repeatable = Submit(counted(Script::Numbers(3)), /*repeatable=*/true);
  registry()->Shutdown();
  EXPECT_EQ(destroyed, 3);
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(ErrorCodeOf(outcome.Get().status()), ErrorCode::kShuttingDown);
  EXPECT_EQ(ErrorCodeOf(NextOf(reader.get()).status()), ErrorCode::kShuttingDown);
  EXPECT_EQ(ErrorCodeOf(TrySubmit(Script::Numbers(1)).status()), ErrorCode::kShuttingDown);
  EXPECT_EQ(ErrorCodeOf(registry()->RunSoon("somebody", [] {})), ErrorCode::kShuttingDown);
  registry()->Shutdown();
}

TEST_F(TaskLimitsTest, ShutdownLetsACommitEnd) {
  auto log = std::make_shared<PutLog>();
  Gate& committing = NewGate();
  Gate& go = NewGate();
  log->on_commit = [&] {
    committing.Open();
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  auto task = Submit(Stored(Script::Numbers(3), log));
  ASSERT_TRUE(committing.Wait());
  std::thread stopper([&] { registry()->Shutdown(); });
  go.Open();
  stopper.join();
  EXPECT_TRUE(task->Wait()->stored);
}

TEST_F(TaskLimitsTest, ATaskAndItsReaderMayOutliveTheRegistry) {
  limits_.buffer_bytes = 1000;
  auto task = Submit(Script::Numbers(1000));
  auto reader = Open(task);
  registry_->Shutdown();
  registry_.reset();
  EXPECT_EQ(ErrorCodeOf(reader->NextBlocking().status()), ErrorCode::kShuttingDown);
  reader.reset();
  task.reset();
}

}  // namespace
}  // namespace longbow
