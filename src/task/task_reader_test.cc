// Reading results: hand-over, back pressure, single-use and repeatable results, readers that go
// away.

#include "task/task_fakes.h"

namespace longbow {
namespace {

using namespace task_test;  // NOLINT: the tests' own vocabulary

/// What one batch of one number costs in a buffer.
constexpr int64_t kBatchCost = 512 + 8;

class TaskReaderTest : public TaskTest {
 protected:
  /// A script whose production is counted.
  Script Counted(int64_t count) {
    Script script = Script::Numbers(count);
    script.next = [this, next = script.next](int64_t i, TaskContext& context) {
      ++produced_;
      return next(i, context);
    };
    return script;
  }
  std::atomic<int64_t> produced_{0};
};

TEST_F(TaskReaderTest, ReadsToTheEndThroughCallbacks) {
  auto task = Submit(Script::Numbers(100));
  auto reader = Open(task);
  EXPECT_EQ(reader->schema(), OneColumn());
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/false), UpTo(100));
  EXPECT_EQ(task->info().state, TaskState::kDone);
  EXPECT_EQ(*NextOf(reader.get()), nullptr);
}

TEST_F(TaskReaderTest, ReadsToTheEndBlocking) {
  auto task = Submit(Script::Numbers(100));
  auto reader = Open(task);
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/true), UpTo(100));
  EXPECT_EQ(task->info().state, TaskState::kDone);
  EXPECT_EQ(*reader->NextBlocking(), nullptr);
}

TEST_F(TaskReaderTest, AnEmptyResultEndsAtOnce) {
  auto reader = Open(Submit(Script::Numbers(0)));
  EXPECT_EQ(*NextOf(reader.get()), nullptr);
}

TEST_F(TaskReaderTest, TheResultIsNotKnownBeforeTheOutcome) {
  Gate& go = NewGate();
  Script script = Script::Numbers(1);
  script.on_start = [&](TaskContext&) {
    EXPECT_TRUE(go.Wait());
    return arrow::Status::OK();
  };
  auto task = Submit(std::move(script));
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kNotReady);
  go.Open();
  EXPECT_NE(Open(task), nullptr);
}

TEST_F(TaskReaderTest, ABatchIsHandedToWhoWaitsForItWithoutWaitingForMore) {
  Gate& first = NewGate();
  Gate& second = NewGate();
  Script script = Script::Numbers(2);
  script.next = [&, next = script.next](int64_t i, TaskContext& context) {
    EXPECT_TRUE((i == 0 ? first : second).Wait());
    return next(i, context);
  };
  auto reader = Open(Submit(std::move(script)));
  BatchCatcher batch;
  reader->Next(batch.callback());
  EXPECT_EQ(batch.calls, 0);
  first.Open();
  EXPECT_EQ(ValueOf(**batch.Get()), 0);
  second.Open();
  EXPECT_EQ(ValueOf(**NextOf(reader.get())), 1);
}

TEST_F(TaskReaderTest, ABlockedReaderGetsABatchThoughTheNextOneIsLongInComing) {
  Gate& second = NewGate();
  Script script = Script::Numbers(2);
  script.next = [&, next = script.next](int64_t i, TaskContext& context) {
    if (i == 1) {
      EXPECT_TRUE(second.Wait());
    }
    return next(i, context);
  };
  auto reader = Open(Submit(std::move(script)));
  EXPECT_EQ(ValueOf(**reader->NextBlocking()), 0);
  second.Open();
  EXPECT_EQ(ValueOf(**reader->NextBlocking()), 1);
}

TEST_F(TaskReaderTest, AStalledReaderHoldsMemoryUpToTheBoundAndNoThread) {
  limits_.threads = 1;
  limits_.buffer_bytes = 10 * kBatchCost;
  auto reader = Open(Submit(Counted(1000)));
  ASSERT_TRUE(Eventually([&] { return produced_ == 10; }));
  // The only worker is free for others.
  Gate& ran = NewGate();
  ASSERT_TRUE(registry()->RunSoon("somebody", [&] { ran.Open(); }).ok());
  ASSERT_TRUE(ran.Wait());
  EXPECT_EQ(produced_, 10);
  // Production goes on once there is room worth it, and no further than the room.
  for (int i = 0; i < 4; ++i) NextOf(reader.get()).ValueOrDie();
  EXPECT_EQ(produced_, 10);
  NextOf(reader.get()).ValueOrDie();
  ASSERT_TRUE(Eventually([&] { return produced_ == 15; }));
  EXPECT_EQ(ReadAll(reader.get(), /*blocking=*/false)->size(), 995u);
}

TEST_F(TaskReaderTest, ABufferSmallerThanABatchStillWorks) {
  limits_.buffer_bytes = 1;
  auto one = Open(Submit(Script::Numbers(50)));
  EXPECT_EQ(*ReadAll(one.get(), /*blocking=*/true), UpTo(50));
  auto two = Open(Submit(Script::Numbers(50)));
  EXPECT_EQ(*ReadAll(two.get(), /*blocking=*/false), UpTo(50));
}

// Served recursively, so many batches would overflow the stack.
TEST_F(TaskReaderTest, ACallbackThatAsksForMoreDoesNotRecurse) {
  constexpr int64_t kBatches = 200000;
  limits_.buffer_bytes = int64_t{1} << 30;
  auto shared = Batch(1);
  Script script;
  script.next = [shared](int64_t i, TaskContext&) -> BatchResult {
    return i < kBatches ? shared : nullptr;
  };
  auto task = Submit(std::move(script));
  auto reader = Open(task);
  ASSERT_TRUE(Eventually([&] { return task->Wait()->rows >= 0; }));
  int64_t rows = 0;
  Gate& end = NewGate();
  std::function<void(BatchResult)> take = [&](BatchResult batch) {
    if (*batch == nullptr) return end.Open();
    rows += (*batch)->num_rows();
    reader->Next(take);
  };
  reader->Next(take);
  ASSERT_TRUE(end.Wait());
  EXPECT_EQ(rows, kBatches);
}

TEST_F(TaskReaderTest, ACallbackMayDestroyTheReader) {
  Gate& destroyed = NewGate();
  Script script = Script::Numbers(1000000);
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  auto reader = Open(task);
  reader->Next([&](BatchResult) { reader.reset(); });
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_EQ(task->info().state, TaskState::kCancelled);
}

TEST_F(TaskReaderTest, AFailureInTheStreamReachesTheReader) {
  Gate& go = NewGate();
  Script script;
  script.next = [&](int64_t i, TaskContext&) -> BatchResult {
    if (i < 3) return Batch(i);
    EXPECT_TRUE(go.Wait());
    return MakeError(ErrorCode::kDataLoss, "the file ends early");
  };
  auto task = Submit(std::move(script));
  auto reader = Open(task);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ValueOf(**NextOf(reader.get())), i);
  BatchCatcher last;
  reader->Next(last.callback());
  go.Open();
  EXPECT_EQ(ErrorCodeOf(last.Get().status()), ErrorCode::kDataLoss);
  EXPECT_EQ(ErrorCodeOf(reader->NextBlocking().status()), ErrorCode::kDataLoss);
  EXPECT_EQ(task->info().state, TaskState::kFailed);
}

TEST_F(TaskReaderTest, ASingleUseResultIsOpenedOnce) {
  auto task = Submit(Script::Numbers(3));
  auto reader = Open(task);
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kCommandResultConsumed);
  EXPECT_EQ(ReadAll(reader.get(), /*blocking=*/false)->size(), 3u);
  reader.reset();
  EXPECT_EQ(task->info().state, TaskState::kDone);
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kCommandResultConsumed);
  EXPECT_EQ(ErrorCodeOf(task->Cancel()), ErrorCode::kCommandCancelNotPossible);
}

TEST_F(TaskReaderTest, AReaderThatTookTheLastBatchHasReadItAll) {
  auto task = Submit(Script::Numbers(2));
  auto reader = Open(task);
  NextOf(reader.get()).ValueOrDie();
  NextOf(reader.get()).ValueOrDie();
  ASSERT_TRUE(Eventually([&] { return task->Wait()->rows >= 0; }));
  reader.reset();
  EXPECT_EQ(task->info().state, TaskState::kDone);
}

TEST_F(TaskReaderTest, AReaderThatGoesAwayCancelsAndFreesAnIdleTask) {
  limits_.buffer_bytes = 10 * kBatchCost;
  std::atomic<bool> reader_destroyed{false};
  Gate& destroyed = NewGate();
  Script script = Counted(1000);
  script.on_reader_destroyed = [&] { reader_destroyed = true; };
  script.on_work_destroyed = [&] {
    EXPECT_TRUE(reader_destroyed);
    destroyed.Open();
  };
  auto task = Submit(std::move(script));
  auto reader = Open(task);
  ASSERT_TRUE(Eventually([&] { return produced_ == 10; }));
  reader.reset();
  EXPECT_EQ(task->info().state, TaskState::kCancelled);
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kCommandResultConsumed);
}

TEST_F(TaskReaderTest, AReaderThatGoesAwayStopsARunningStep) {
  Gate& running = NewGate();
  Gate& woken = NewGate();
  Gate& destroyed = NewGate();
  Script script;
  script.next = [&](int64_t, TaskContext& context) -> BatchResult {
    context.SetCancelCallback([&] { woken.Open(); });
    running.Open();
    EXPECT_TRUE(woken.Wait());
    return context.CancelledError();
  };
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  auto reader = Open(task);
  BatchCatcher batch;
  reader->Next(batch.callback());
  ASSERT_TRUE(running.Wait());
  reader.reset();
  EXPECT_EQ(batch.calls, 1);
  EXPECT_EQ(ErrorCodeOf(batch.Get().status()), ErrorCode::kCommandCancelled);
  EXPECT_TRUE(destroyed.Wait());
}

TEST_F(TaskReaderTest, CancellingReachesABlockedReader) {
  Gate& running = NewGate();
  Gate& woken = NewGate();
  Script script;
  script.next = [&](int64_t, TaskContext& context) -> BatchResult {
    context.SetCancelCallback([&] { woken.Open(); });
    running.Open();
    EXPECT_TRUE(woken.Wait());
    return context.CancelledError();
  };
  auto task = Submit(std::move(script));
  auto reader = Open(task);
  std::thread blocked([&] {
    EXPECT_EQ(ErrorCodeOf(reader->NextBlocking().status()), ErrorCode::kCommandCancelled);
  });
  ASSERT_TRUE(running.Wait());
  EXPECT_TRUE(task->Cancel().ok());
  blocked.join();
  EXPECT_EQ(ErrorCodeOf(NextOf(reader.get()).status()), ErrorCode::kCommandCancelled);
}

TEST_F(TaskReaderTest, AnUnreadResultCanBeCancelled) {
  auto task = Submit(Script::Numbers(3));
  ASSERT_TRUE(Eventually([&] { return task->Wait()->rows >= 0; }));
  EXPECT_TRUE(task->Cancel().ok());
  EXPECT_EQ(ErrorCodeOf(task->OpenReader().status()), ErrorCode::kCommandCancelled);
  EXPECT_EQ(ErrorCodeOf(task->Wait().status()), ErrorCode::kCommandCancelled);
}

TEST_F(TaskReaderTest, WhatTheServiceMadeIsFreedAtTheEndOfTheStream) {
  std::atomic<bool> reader_destroyed{false};
  Gate& destroyed = NewGate();
  Script script = Script::Numbers(3);
  script.on_reader_destroyed = [&] { reader_destroyed = true; };
  script.on_work_destroyed = [&] {
    EXPECT_TRUE(reader_destroyed);
    destroyed.Open();
  };
  auto task = Submit(std::move(script));
  // Nobody has read it: the result is complete, and its maker gone.
  EXPECT_TRUE(destroyed.Wait());
  auto reader = Open(task);
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/true), UpTo(3));
}

TEST_F(TaskReaderTest, TheServiceMayRemoveItsCancelCallbackWhenItGoes) {
  Gate& destroyed = NewGate();
  TaskContext* its_context = nullptr;
  Script script = Script::Numbers(1);
  script.on_start = [&](TaskContext& context) {
    its_context = &context;
    context.SetCancelCallback([] {});
    return arrow::Status::OK();
  };
  script.on_reader_destroyed = [&] { its_context->SetCancelCallback(nullptr); };
  script.on_work_destroyed = [&] { destroyed.Open(); };
  auto task = Submit(std::move(script));
  EXPECT_TRUE(destroyed.Wait());
}

TEST_F(TaskReaderTest, ARepeatableResultIsReadAnyNumberOfTimes) {
  auto task = Submit(Script::Numbers(50), /*repeatable=*/true);
  for (bool blocking : {true, false, true}) {
    auto reader = Open(task);
    EXPECT_EQ(*ReadAll(reader.get(), blocking), UpTo(50));
  }
  EXPECT_EQ(task->info().state, TaskState::kDone);
  EXPECT_EQ(ErrorCodeOf(task->Cancel()), ErrorCode::kCommandCancelNotPossible);
}

TEST_F(TaskReaderTest, TheFurthestReaderOfARepeatableResultDrivesIt) {
  limits_.buffer_bytes = 10 * kBatchCost;
  auto task = Submit(Counted(100), /*repeatable=*/true);
  auto slow = Open(task);
  auto fast = Open(task);
  ASSERT_TRUE(Eventually([&] { return produced_ == 10; }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ValueOf(**NextOf(slow.get())), i);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(ValueOf(**NextOf(fast.get())), i);
  EXPECT_LE(produced_, 70);
  fast.reset();
  // One that goes away harms nobody.
  for (int i = 10; i < 100; ++i) EXPECT_EQ(ValueOf(**NextOf(slow.get())), i);
  EXPECT_EQ(*NextOf(slow.get()), nullptr);
}

TEST_F(TaskReaderTest, ConcurrentReadersOfARepeatableResultEachGetAllOfIt) {
  limits_.buffer_bytes = 4 * kBatchCost;
  auto task = Submit(Script::Numbers(2000), /*repeatable=*/true);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      auto reader = Open(task);
      EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/i % 2 == 0), UpTo(2000));
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(TaskReaderTest, RepeatableResultsHaveABoundTogether) {
  limits_.repeatable_bytes = 100 * kBatchCost;
  auto first = Submit(Script::Numbers(80), /*repeatable=*/true);
  ASSERT_TRUE(Eventually([&] { return first->info().state == TaskState::kDone; }));
  auto second = Submit(Script::Numbers(30), /*repeatable=*/true);
  ASSERT_TRUE(Eventually([&] { return second->info().state == TaskState::kFailed; }));
  EXPECT_EQ(ErrorCodeOf(second->Wait().status()), ErrorCode::kResourceExhausted);
  // What the failed one held is free again, and the first one is as it was.
  auto third = Submit(Script::Numbers(20), /*repeatable=*/true);
  ASSERT_TRUE(Eventually([&] { return third->info().state == TaskState::kDone; }));
  auto reader = Open(first);
  EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/false), UpTo(80));
}

TEST_F(TaskReaderTest, ForgettingARepeatableResultFreesItsBytes) {
  limits_.repeatable_bytes = 100 * kBatchCost;
  auto held = Submit(Script::Numbers(80), /*repeatable=*/true);
  ASSERT_TRUE(Eventually([&] { return held->info().state == TaskState::kDone; }));
  clock_.Advance(std::chrono::seconds(limits_.result_ttl_sec));
  registry()->Sweep();
  EXPECT_EQ(ErrorCodeOf(held->OpenReader().status()), ErrorCode::kInvalidTicket);
  auto next = Submit(Script::Numbers(80), /*repeatable=*/true);
  ASSERT_TRUE(Eventually([&] { return next->info().state != TaskState::kStreaming; }));
  EXPECT_TRUE(Eventually([&] { return next->info().state == TaskState::kDone; }));
}

TEST_F(TaskReaderTest, AFastStreamMakesWayForOthers) {
  limits_.threads = 1;
  limits_.buffer_bytes = 20 * kBatchCost;
  std::atomic<bool> stop{false};
  Script script;
  script.next = [&](int64_t i, TaskContext&) -> BatchResult { return stop ? nullptr : Batch(i); };
  auto reader = Open(Submit(std::move(script)));
  Gate& end = NewGate();
  // The only worker both makes and takes: it would never come to anything else by itself.
  std::function<void(BatchResult)> take = [&](BatchResult batch) {
    if (!batch.ok() || *batch == nullptr) return end.Open();
    reader->Next(take);
  };
  reader->Next(take);
  Gate& ran = NewGate();
  ASSERT_TRUE(registry()->RunSoon("somebody", [&] { ran.Open(); }).ok());
  EXPECT_TRUE(ran.Wait());
  OutcomeCatcher other;
  Submit(Script::Numbers(1))->AddWaiter(other.callback());
  EXPECT_TRUE(other.Get().ok());
  stop = true;
  EXPECT_TRUE(end.Wait());
}

}  // namespace
}  // namespace longbow
