#include "task/fair_queue.h"

#include <string>

#include <gtest/gtest.h>

namespace longbow {
namespace {

std::string PopAll(FairQueue<char>* queue) {
  std::string popped;
  while (auto next = queue->Pop()) {
    popped += next->second;
    queue->Done(next->first);
  }
  return popped;
}

TEST(FairQueue, OneOwnerIsServedInOrder) {
  FairQueue<char> queue(0);
  for (char item : std::string("abc")) queue.Push("x", item, false);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(PopAll(&queue), "abc");
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, OwnersTakeTurns) {
  FairQueue<char> queue(0);
  for (char item : std::string("1234")) queue.Push("greedy", item, false);
  queue.Push("modest", 'm', false);
  queue.Push("other", 'o', false);
  EXPECT_EQ(PopAll(&queue), "1mo234");
}

TEST(FairQueue, WhatIsPushedFirstGoesFirst) {
  FairQueue<char> queue(0);
  queue.Push("x", 'a', false);
  queue.Push("y", 'b', false);
  queue.Push("y", 'c', true);
  EXPECT_EQ(PopAll(&queue), "cab");
}

TEST(FairQueue, AnOwnerAtItsLimitIsPassedOver) {
  FairQueue<char> queue(2);
  for (char item : std::string("1234")) queue.Push("greedy", item, false);
  EXPECT_EQ(queue.Pop()->second, '1');
  EXPECT_EQ(queue.Pop()->second, '2');
  EXPECT_EQ(queue.running("greedy"), 2u);
  EXPECT_FALSE(queue.HasRunnable());
  EXPECT_FALSE(queue.Pop().has_value());
  queue.Push("modest", 'm', false);
  EXPECT_TRUE(queue.HasRunnable());
  EXPECT_EQ(queue.Pop()->second, 'm');
  queue.Done("greedy");
  EXPECT_EQ(queue.Pop()->second, '3');
  EXPECT_FALSE(queue.Pop().has_value());
}

TEST(FairQueue, ClearKeepsCountOfWhatIsOut) {
  FairQueue<char> queue(1);
  queue.Push("x", 'a', false);
  queue.Push("x", 'b', false);
  EXPECT_TRUE(queue.Pop().has_value());
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  queue.Push("x", 'c', false);
  EXPECT_FALSE(queue.HasRunnable());
  queue.Done("x");
  EXPECT_EQ(PopAll(&queue), "c");
}

}  // namespace
}  // namespace longbow
