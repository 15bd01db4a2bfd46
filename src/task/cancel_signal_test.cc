#include "task/cancel_signal.h"

#include "task/task_fakes.h"

namespace longbow {
namespace {

using task_test::Gate;

TEST(CancelSignal, RunsTheCallbackOnce) {
  CancelSignal signal;
  int calls = 0;
  signal.SetCallback([&] { ++calls; });
  EXPECT_FALSE(signal.fired());
  signal.Fire();
  signal.Fire();
  EXPECT_TRUE(signal.fired());
  EXPECT_EQ(calls, 1);
}

TEST(CancelSignal, RunsALateCallbackAtOnce) {
  CancelSignal signal;
  signal.Fire();
  int calls = 0;
  signal.SetCallback([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(CancelSignal, ALaterCallbackReplacesAnEarlierOne) {
  CancelSignal signal;
  int first = 0, second = 0;
  signal.SetCallback([&] { ++first; });
  signal.SetCallback([&] { ++second; });
  signal.Fire();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(CancelSignal, RemovingWaitsForARunningCallback) {
  CancelSignal signal;
  Gate running, go;
  std::atomic<bool> ended{false};
  signal.SetCallback([&] {
    running.Open();
    EXPECT_TRUE(go.Wait());
    ended = true;
  });
  std::thread canceller([&] { signal.Fire(); });
  ASSERT_TRUE(running.Wait());
  std::thread opener([&] { go.Open(); });
  signal.SetCallback(nullptr);
  EXPECT_TRUE(ended);
  canceller.join();
  opener.join();
}

TEST(CancelSignal, ACallbackMayRemoveItself) {
  CancelSignal signal;
  int calls = 0;
  signal.SetCallback([&] {
    ++calls;
    signal.SetCallback(nullptr);
  });
  signal.Fire();
  EXPECT_EQ(calls, 1);
}

TEST(CancelSignal, ACallbackThatThrowsHarmsNobody) {
  CancelSignal signal;
  signal.SetCallback([] { throw std::runtime_error("oops"); });
  signal.Fire();
  EXPECT_TRUE(signal.fired());
  signal.SetCallback(nullptr);
}

}  // namespace
}  // namespace longbow
