#include "task/worker_pool.h"

#include <set>

#include "task/task_fakes.h"

namespace longbow {
namespace {

using task_test::Eventually;
using task_test::Gate;

class FunctionJob : public WorkerPool::Job {
 public:
  FunctionJob(std::function<void()> function, std::string owner)
      : function_(std::move(function)), owner_(std::move(owner)) {}
  void RunJob() override { function_(); }
  std::string_view owner() const override { return owner_; }

 private:
  std::function<void()> function_;
  std::string owner_;
};

std::shared_ptr<WorkerPool::Job> MakeJob(std::function<void()> function, std::string owner = {}) {
  return std::make_shared<FunctionJob>(std::move(function), std::move(owner));
}

TEST(WorkerPool, StartsNoMoreThreadsThanAreNeeded) {
  WorkerPool pool(8, 100);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 20; ++i) {
    Gate done;
    ASSERT_TRUE(pool.RunSoon([&] {
                      {
                        std::lock_guard lock(mutex);
                        threads.insert(std::this_thread::get_id());
                      }
                      done.Open();
                    })
                    .ok());
    ASSERT_TRUE(done.Wait());
    // Until the worker waits again, the next piece of work would rightly start another.
    ASSERT_TRUE(Eventually([&] { return pool.free_threads() == 8; }));
  }
  pool.Shutdown();
  EXPECT_LT(threads.size(), 8u);
}

TEST(WorkerPool, RunsAsManyAtOnceAsItHasThreads) {
  WorkerPool pool(3, 100);
  std::atomic<int> running{0};
  Gate all;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pool.Enqueue(MakeJob([&] {
      if (++running == 3) all.Open();
      EXPECT_TRUE(all.Wait());
    })));
  }
  EXPECT_TRUE(all.Wait());
}

TEST(WorkerPool, ShortWorkGoesBeforeJobs) {
  WorkerPool pool(1, 100);
  Gate busy, go;
  ASSERT_TRUE(pool.RunSoon([&] {
                    busy.Open();
                    EXPECT_TRUE(go.Wait());
                  })
                  .ok());
  ASSERT_TRUE(busy.Wait());
  std::vector<int> order;
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { order.push_back(3); })));
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { order.push_back(2); }), /*first=*/true));
  ASSERT_TRUE(pool.RunSoon([&] { order.push_back(1); }).ok());
  EXPECT_TRUE(pool.has_waiting());
  go.Open();
  pool.Shutdown();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(WorkerPool, ShortWorkBeyondTheQueueIsRefused) {
  WorkerPool pool(1, 2);
  Gate busy, go;
  ASSERT_TRUE(pool.RunSoon([&] {
                    busy.Open();
                    EXPECT_TRUE(go.Wait());
                  })
                  .ok());
  ASSERT_TRUE(busy.Wait());
  std::atomic<int> ran{0};
  EXPECT_TRUE(pool.RunSoon([&] { ++ran; }).ok());
  EXPECT_TRUE(pool.RunSoon([&] { ++ran; }).ok());
  auto refused = pool.RunSoon([&] { ++ran; });
  EXPECT_EQ(ErrorCodeOf(refused), ErrorCode::kBackpressure) << refused;
  go.Open();
  pool.Shutdown();
  EXPECT_EQ(ran, 2);
}

TEST(WorkerPool, SpareThreadsRunShortWorkAndNoJobs) {
  WorkerPool pool(1, 100, /*spare_threads=*/1);
  Gate busy, go;
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] {
    busy.Open();
    EXPECT_TRUE(go.Wait());
  })));
  ASSERT_TRUE(busy.Wait());
  std::atomic<bool> second{false};
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { second = true; })));
  for (int i = 0; i < 10; ++i) {
    Gate done;
    ASSERT_TRUE(pool.RunSoon([&] { done.Open(); }).ok());
    ASSERT_TRUE(done.Wait());
  }
  EXPECT_EQ(pool.free_threads(), 0);
  EXPECT_FALSE(second);
  go.Open();
  pool.Shutdown();
  EXPECT_TRUE(second);
}

TEST(WorkerPool, AnOwnerHasNoMoreThreadsThanItsShare) {
  WorkerPool pool(2, 100, /*spare_threads=*/0, /*threads_per_owner=*/1);
  EXPECT_EQ(pool.free_threads("alice"), 1);
  Gate busy, go, his;
  ASSERT_TRUE(pool.Enqueue(MakeJob(
      [&] {
        busy.Open();
        EXPECT_TRUE(go.Wait());
      },
      "alice")));
  ASSERT_TRUE(busy.Wait());
  EXPECT_EQ(pool.free_threads(), 1);
  EXPECT_EQ(pool.free_threads("alice"), 0);
  EXPECT_EQ(pool.free_threads("bob"), 1);
  EXPECT_NE(pool.WaitReason("alice").find("its caller has 1"), std::string::npos);
  EXPECT_EQ(pool.WaitReason("bob"), "");
  std::atomic<bool> second{false};
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { second = true; }, "alice")));
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { his.Open(); }, "bob")));
  ASSERT_TRUE(his.Wait());
  EXPECT_FALSE(second);
  go.Open();
  pool.Shutdown();
  EXPECT_TRUE(second);
}

TEST(WorkerPool, WhereAllThreadsWorkThatIsTheReason) {
  WorkerPool pool(1, 100, /*spare_threads=*/0, /*threads_per_owner=*/1);
  Gate busy, go;
  ASSERT_TRUE(pool.Enqueue(MakeJob(
      [&] {
        busy.Open();
        EXPECT_TRUE(go.Wait());
      },
      "alice")));
  ASSERT_TRUE(busy.Wait());
  EXPECT_NE(pool.WaitReason("alice").find("all 1 threads"), std::string::npos);
  go.Open();
}

TEST(WorkerPool, JobsGoOnWhileShortWorkKeepsTheirWorker) {
  WorkerPool pool(1, 100, /*spare_threads=*/1);
  Gate busy, go, spare, short_go, ran;
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] {
    busy.Open();
    EXPECT_TRUE(go.Wait());
  })));
  ASSERT_TRUE(busy.Wait());
  // The spare worker has been started, and waits for work again.
  ASSERT_TRUE(pool.RunSoon([&] { spare.Open(); }).ok());
  ASSERT_TRUE(spare.Wait());
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { ran.Open(); })));
  ASSERT_TRUE(pool.RunSoon([&] { EXPECT_TRUE(short_go.Wait()); }).ok());
  go.Open();
  // Whichever worker took the short work, the other one runs the job.
  EXPECT_TRUE(ran.Wait());
  short_go.Open();
}

TEST(WorkerPool, ShutdownRunsWhatWasAcceptedAndRefusesMore) {
  WorkerPool pool(2, 1000);
  std::atomic<int> ran{0};
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.RunSoon([&] { ++ran; }).ok());
    ASSERT_TRUE(pool.Enqueue(MakeJob([&] { ++ran; })));
  }
  pool.Shutdown();
  EXPECT_EQ(ran, 1000);
  EXPECT_EQ(ErrorCodeOf(pool.RunSoon([] {})), ErrorCode::kShuttingDown);
  EXPECT_FALSE(pool.Enqueue(MakeJob([] {})));
  pool.Shutdown();
}

TEST(WorkerPool, ShutdownOfAPoolThatNeverRan) {
  WorkerPool pool(2, 10);
  pool.Shutdown();
}

}  // namespace
}  // namespace longbow
