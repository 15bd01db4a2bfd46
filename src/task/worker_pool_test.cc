#include "task/worker_pool.h"

#include <algorithm>
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

const WorkOwner kOwner = "somebody";

std::shared_ptr<WorkerPool::Job> MakeJob(std::function<void()> function, std::string owner = {}) {
  return std::make_shared<FunctionJob>(std::move(function), std::move(owner));
}

TEST(WorkerPool, StartsNoMoreThreadsThanAreNeeded) {
  WorkerPool pool({.threads = 8});
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 20; ++i) {
    Gate done;
    ASSERT_TRUE(pool.RunSoon(kOwner,
                             [&] {
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
  WorkerPool pool({.threads = 3});
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
  WorkerPool pool({.threads = 1});
  Gate busy, go;
  ASSERT_TRUE(pool.RunSoon(kOwner,
                           [&] {
                             busy.Open();
                             EXPECT_TRUE(go.Wait());
                           })
                  .ok());
  ASSERT_TRUE(busy.Wait());
  std::vector<int> order;
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { order.push_back(3); })));
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { order.push_back(2); }), /*first=*/true));
  ASSERT_TRUE(pool.RunSoon(kOwner, [&] { order.push_back(1); }).ok());
  EXPECT_TRUE(pool.has_waiting());
  go.Open();
  pool.Shutdown();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(WorkerPool, ShortWorkBeyondTheQueueIsRefused) {
  WorkerPool pool({.threads = 1, .short_queue = 2});
  Gate busy, go;
  ASSERT_TRUE(pool.RunSoon(kOwner,
                           [&] {
                             busy.Open();
                             EXPECT_TRUE(go.Wait());
                           })
                  .ok());
  ASSERT_TRUE(busy.Wait());
  std::atomic<int> ran{0};
  EXPECT_TRUE(pool.RunSoon(kOwner, [&] { ++ran; }).ok());
  EXPECT_TRUE(pool.RunSoon(kOwner, [&] { ++ran; }).ok());
  auto refused = pool.RunSoon(kOwner, [&] { ++ran; });
  EXPECT_EQ(ErrorCodeOf(refused), ErrorCode::kBackpressure) << refused;
  go.Open();
  pool.Shutdown();
  EXPECT_EQ(ran, 2);
}

TEST(WorkerPool, SpareThreadsRunShortWorkAndNoJobs) {
  WorkerPool pool({.threads = 1, .spare_threads = 1});
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
    ASSERT_TRUE(pool.RunSoon(kOwner, [&] { done.Open(); }).ok());
    ASSERT_TRUE(done.Wait());
  }
  EXPECT_EQ(pool.free_threads(), 0);
  EXPECT_FALSE(second);
  go.Open();
  pool.Shutdown();
  EXPECT_TRUE(second);
}

TEST(WorkerPool, AnOwnerHasNoMoreThreadsThanItsShare) {
  WorkerPool pool({.threads = 2, .threads_per_owner = 1});
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
  WorkerPool pool({.threads = 1});
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

/// Pieces of work that stay at work until the gate opens. Goes after the pool.
class Standing {
 public:
  std::function<void()> piece() {
    return [this] {
      ++began;
      EXPECT_TRUE(go.Wait());
    };
  }
  std::atomic<int> began{0};
  Gate go;
};

TEST(WorkerPool, OwnersTakeTurnsInShortWork) {
  Standing standing;
  std::vector<std::string> order;
  WorkerPool pool({.threads = 1, .short_queue = 10000, .short_queue_per_owner = 10000});
  ASSERT_TRUE(pool.RunSoon("greedy", standing.piece()).ok());
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(pool.RunSoon("greedy", [&] { order.emplace_back("greedy"); }).ok());
  }
  ASSERT_TRUE(pool.RunSoon("modest", [&] { order.emplace_back("modest"); }).ok());
  ASSERT_TRUE(pool.RunSoon(std::nullopt, [&] { order.emplace_back("unknown"); }).ok());
  EXPECT_EQ(pool.waiting_unknown(), 1);
  standing.go.Open();
  pool.Shutdown();
  ASSERT_EQ(order.size(), 5002u);
  order.resize(3);
  EXPECT_EQ(std::count(order.begin(), order.end(), "modest"), 1);
  EXPECT_EQ(std::count(order.begin(), order.end(), "unknown"), 1);
}

TEST(WorkerPool, ShortWorkOfAnOwnerLeavesThreadsForOthers) {
  Standing standing;
  Gate his, his_job;
  WorkerPool pool({.threads = 4, .spare_threads = 2, .threads_per_owner = 2});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.RunSoon("alice", standing.piece()).ok());
  ASSERT_TRUE(Eventually([&] { return standing.began == 2; }));
  EXPECT_EQ(pool.waiting_short(), 98);
  // Half of the spare threads are left for her jobs.
  EXPECT_EQ(pool.free_threads("alice"), 1);
  ASSERT_TRUE(pool.RunSoon("bob", [&] { his.Open(); }).ok());
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { his_job.Open(); }, "bob")));
  EXPECT_TRUE(his.Wait());
  EXPECT_TRUE(his_job.Wait());
  EXPECT_EQ(standing.began, 2);
  standing.go.Open();
  pool.Shutdown();
  EXPECT_EQ(standing.began, 100);
}

TEST(WorkerPool, WhoHasAllItsJobsAtWorkCanStillAsk) {
  Standing standing;
  Gate asked;
  WorkerPool pool({.threads = 4, .spare_threads = 2, .threads_per_owner = 2});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.Enqueue(MakeJob(standing.piece(), "alice")));
  ASSERT_TRUE(Eventually([&] { return standing.began == 2; }));
  ASSERT_TRUE(pool.RunSoon("alice", [&] { asked.Open(); }).ok());
  EXPECT_TRUE(asked.Wait());
  standing.go.Open();
  pool.Shutdown();
  EXPECT_EQ(standing.began, 10);
}

TEST(WorkerPool, AnOwnersShareOfTheShortQueue) {
  Standing standing;
  WorkerPool pool({.threads = 1, .short_queue = 4, .short_queue_per_owner = 2});
  ASSERT_TRUE(pool.RunSoon("alice", standing.piece()).ok());
  ASSERT_TRUE(Eventually([&] { return standing.began == 1; }));
  EXPECT_TRUE(pool.RunSoon("alice", [] {}).ok());
  EXPECT_TRUE(pool.RunSoon("alice", [] {}).ok());
  const auto refused = pool.RunSoon("alice", [] {});
  EXPECT_EQ(ErrorCodeOf(refused), ErrorCode::kBackpressure);
  EXPECT_NE(refused.message().find("You have 2"), std::string::npos) << refused;
  EXPECT_TRUE(pool.RunSoon("bob", [] {}).ok());
  EXPECT_TRUE(pool.RunSoon("carol", [] {}).ok());
  EXPECT_EQ(ErrorCodeOf(pool.RunSoon("dave", [] {})), ErrorCode::kBackpressure);
  EXPECT_EQ(pool.waiting_short(), 4);
  standing.go.Open();
}

TEST(WorkerPool, UnknownOwnersHaveAShareAndAQueueOfTheirOwn) {
  Standing standing;
  Gate known, job;
  WorkerPool pool({.threads = 3, .unknown_threads = 2, .unknown_queue = 3});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pool.RunSoon(std::nullopt, standing.piece()).ok());
  ASSERT_TRUE(Eventually([&] { return standing.began == 2; }));
  EXPECT_EQ(pool.waiting_unknown(), 3);
  EXPECT_EQ(pool.waiting_short(), 0);
  const auto refused = pool.RunSoon(std::nullopt, [] {});
  EXPECT_EQ(ErrorCodeOf(refused), ErrorCode::kBackpressure);
  EXPECT_NE(refused.message().find("who they are"), std::string::npos) << refused;
  ASSERT_TRUE(pool.RunSoon("alice", [&] { known.Open(); }).ok());
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { job.Open(); }, "alice")));
  EXPECT_TRUE(known.Wait());
  EXPECT_TRUE(job.Wait());
  EXPECT_EQ(standing.began, 2);
  standing.go.Open();
  pool.Shutdown();
  EXPECT_EQ(standing.began, 5);
}

TEST(WorkerPool, JobsGoOnWhileShortWorkKeepsTheirWorker) {
  WorkerPool pool({.threads = 1, .spare_threads = 1});
  Gate busy, go, spare, short_go, ran;
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] {
    busy.Open();
    EXPECT_TRUE(go.Wait());
  })));
  ASSERT_TRUE(busy.Wait());
  // The spare worker has been started, and waits for work again.
  ASSERT_TRUE(pool.RunSoon(kOwner, [&] { spare.Open(); }).ok());
  ASSERT_TRUE(spare.Wait());
  ASSERT_TRUE(pool.Enqueue(MakeJob([&] { ran.Open(); })));
  ASSERT_TRUE(pool.RunSoon(kOwner, [&] { EXPECT_TRUE(short_go.Wait()); }).ok());
  go.Open();
  // Whichever worker took the short work, the other one runs the job.
  EXPECT_TRUE(ran.Wait());
  short_go.Open();
}

TEST(WorkerPool, ShutdownRunsWhatWasAcceptedAndRefusesMore) {
  WorkerPool pool({.threads = 2});
  std::atomic<int> ran{0};
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.RunSoon(kOwner, [&] { ++ran; }).ok());
    ASSERT_TRUE(pool.Enqueue(MakeJob([&] { ++ran; })));
  }
  pool.Shutdown();
  EXPECT_EQ(ran, 1000);
  EXPECT_EQ(ErrorCodeOf(pool.RunSoon(kOwner, [] {})), ErrorCode::kShuttingDown);
  EXPECT_FALSE(pool.Enqueue(MakeJob([] {})));
  pool.Shutdown();
}

TEST(WorkerPool, ShutdownOfAPoolThatNeverRan) {
  WorkerPool pool({.threads = 2});
  pool.Shutdown();
}

}  // namespace
}  // namespace longbow
