#include "task/fair_queue.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace longbow {
namespace {

constexpr auto kAnybody = [](const std::string&) { return true; };

std::string PopAll(FairQueue<char>* queue) {
  std::string popped;
  while (auto next = queue->Pop(kAnybody)) popped += next->second;
  return popped;
}

TEST(FairQueue, OneOwnerIsServedInOrder) {
  FairQueue<char> queue;
  for (char item : std::string("abc")) queue.Push("x", item, false);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.size("x"), 3u);
  EXPECT_EQ(queue.size("y"), 0u);
  EXPECT_EQ(PopAll(&queue), "abc");
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, OwnersTakeTurns) {
  FairQueue<char> queue;
  for (char item : std::string("1234")) queue.Push("greedy", item, false);
  queue.Push("modest", 'm', false);
  queue.Push("other", 'o', false);
  EXPECT_EQ(PopAll(&queue), "1mo234");
}

TEST(FairQueue, WhatIsPushedFirstGoesFirst) {
  FairQueue<char> queue;
  queue.Push("x", 'a', false);
  queue.Push("y", 'b', false);
  queue.Push("y", 'c', true);
  EXPECT_EQ(PopAll(&queue), "cab");
}

TEST(FairQueue, OwnersWhoMayNotRunArePassedOver) {
  FairQueue<char> queue;
  std::set<std::string> stopped = {"greedy"};
  const auto may_run = [&](const std::string& owner) { return !stopped.contains(owner); };
  for (char item : std::string("12")) queue.Push("greedy", item, false);
  EXPECT_FALSE(queue.HasRunnable(may_run));
  EXPECT_FALSE(queue.Pop(may_run).has_value());
  queue.Push("modest", 'm', false);
  EXPECT_TRUE(queue.HasRunnable(may_run));
  EXPECT_EQ(queue.Pop(may_run)->second, 'm');
  EXPECT_FALSE(queue.Pop(may_run).has_value());
  stopped.clear();
  EXPECT_EQ(PopAll(&queue), "12");
}

TEST(FairQueue, TakesTheLastItemBack) {
  FairQueue<char> queue;
  for (char item : std::string("12")) queue.Push("x", item, false);
  queue.Push("y", 'a', false);
  queue.TakeBack("x");
  queue.TakeBack("y");
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(PopAll(&queue), "1");
}

TEST(FairQueue, ClearDropsAll) {
  FairQueue<char> queue;
  queue.Push("x", 'a', false);
  queue.Push("y", 'b', false);
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  queue.Push("x", 'c', false);
  EXPECT_EQ(PopAll(&queue), "c");
}

}  // namespace
}  // namespace longbow
