// Everything at once, for the sanitizers: each task is read, cancelled, dropped or swept at a
// random moment, and nothing is lost, called twice or kept.

#include <random>

#include "task/task_fakes.h"

namespace longbow {
namespace {

using namespace task_test;  // NOLINT: the tests' own vocabulary

class TaskRaceTest : public TaskTest {
 protected:
  Script Tracked(Script script) {
    ++made_;
    script.on_work_destroyed = [this] { ++destroyed_; };
    return script;
  }
  void ExpectAllDestroyed() {
    registry()->Shutdown();
    EXPECT_EQ(made_, destroyed_);
  }
  std::atomic<int> made_{0};
  std::atomic<int> destroyed_{0};
};

TEST_F(TaskRaceTest, CancellingAtAnyMomentCallsEveryWaiterOnce) {
  limits_.buffer_bytes = 2000;
  for (int i = 0; i < 500; ++i) {
    auto task = Submit(Tracked(Script::Numbers(20)));
    OutcomeCatcher outcome;
    task->AddWaiter(outcome.callback());
    std::thread canceller([&] { (void)task->Cancel(); });
    auto result = outcome.Get();
    if (result.ok()) {
      auto reader = task->OpenReader();
      if (reader.ok()) (void)ReadAll(reader->get(), /*blocking=*/i % 2 == 0);
    } else {
      EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kCommandCancelled);
    }
    canceller.join();
    EXPECT_EQ(outcome.calls, 1);
  }
  ExpectAllDestroyed();
}

TEST_F(TaskRaceTest, RemovedWaitersAreNeverCalled) {
  for (int i = 0; i < 500; ++i) {
    auto task = Submit(Tracked(Script::Numbers(1)));
    std::atomic<int> calls{0};
    const int64_t id = task->AddWaiter([&](const arrow::Result<Task::Outcome>&) { ++calls; });
    if (task->RemoveWaiter(id)) {
      ASSERT_TRUE(task->Wait().ok());
      EXPECT_EQ(calls, 0);
    } else {
      EXPECT_TRUE(Eventually([&] { return calls == 1; }));
    }
  }
  ExpectAllDestroyed();
}

TEST_F(TaskRaceTest, ReadersGoAwayAtAnyMoment) {
  limits_.buffer_bytes = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 150; ++i) {
        auto task = Submit(Tracked(Script::Numbers(30)), /*repeatable=*/i % 3 == 0);
        auto reader = Open(task);
        const int stop = static_cast<int>(random() % 35);
        for (int n = 0; n < stop; ++n) {
          auto batch = random() % 2 == 0 ? reader->NextBlocking() : NextOf(reader.get());
          if (batch.ValueOrDie() == nullptr) break;
          EXPECT_EQ(ValueOf(**batch), n);
        }
        std::atomic<int> calls{0};
        const bool pending = random() % 2 == 0;
        if (pending) {
          reader->Next([&](BatchResult) { ++calls; });
        }
        reader.reset();
        if (pending) {
          EXPECT_TRUE(Eventually([&] { return calls == 1; }));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ExpectAllDestroyed();
}

TEST_F(TaskRaceTest, SubmittingFindingListingAndSweepingGoTogether) {
  limits_.max_tasks = 64;
  std::atomic<bool> stop{false};
  std::thread sweeper([&] {
    while (!stop) {
      clock_.Advance(std::chrono::seconds(7));
      registry()->Sweep();
      for (const TaskInfo& info : registry()->List()) (void)registry()->Find(info.id);
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 300; ++i) {
        auto task = TrySubmit(Tracked(Script::Numbers(3)), /*repeatable=*/i % 2 == 0);
        if (!task.ok()) {
          EXPECT_EQ(ErrorCodeOf(task.status()), ErrorCode::kBackpressure);
          continue;
        }
        // The clock runs so fast that it may expire before it is opened.
        if (!(*task)->Wait().ok()) continue;
        auto reader = (*task)->OpenReader();
        if (!reader.ok()) continue;
        EXPECT_EQ(*ReadAll(reader->get(), /*blocking=*/true), UpTo(3));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  stop = true;
  sweeper.join();
  ExpectAllDestroyed();
}

TEST_F(TaskRaceTest, ShutdownAtAnyMomentEndsEveryTask) {
  for (int i = 0; i < 30; ++i) {
    registry_ = TaskRegistry::Make(limits_, {&clock_, &logger_});
    std::atomic<int> waited{0};
    std::atomic<int> called{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) {
          auto task = TrySubmit(Tracked(Script::Numbers(5)));
          if (!task.ok()) return;
          ++waited;
          (*task)->AddWaiter([&](const arrow::Result<Task::Outcome>&) { ++called; });
          if (!(*task)->Wait().ok()) continue;
          auto reader = (*task)->OpenReader();
          if (reader.ok()) (void)ReadAll(reader->get(), /*blocking=*/n % 2 == 0);
        }
      });
    }
    registry_->Shutdown();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(called, waited);
    registry_.reset();
  }
  registry();
  ExpectAllDestroyed();
}

TEST_F(TaskRaceTest, HelpersAndWorkersShareTheWork) {
  limits_.threads = 2;
  limits_.buffer_bytes = 3000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 50; ++i) {
        auto task = Submit(Tracked(Script::Numbers(100)), false, /*nested=*/true);
        auto reader = Open(task);
        EXPECT_EQ(*ReadAll(reader.get(), /*blocking=*/true), UpTo(100));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ExpectAllDestroyed();
}

}  // namespace
}  // namespace longbow
