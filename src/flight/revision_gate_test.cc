#include "flight/revision_gate.h"

#include <vector>

#include <gtest/gtest.h>

namespace longbow::flight {
namespace {

TEST(RevisionGate, RunsAtOnceWhatHasBeenReached) {
  RevisionGate gate;
  gate.Advance(3);
  bool ran = false;
  EXPECT_EQ(gate.WaitFor(3, [&] { ran = true; }), 0);
  EXPECT_TRUE(ran);
}

TEST(RevisionGate, RunsWaitersUpToTheRevisionInOrder) {
  RevisionGate gate;
  std::vector<int> ran;
  gate.WaitFor(2, [&] { ran.push_back(2); });
  gate.WaitFor(1, [&] { ran.push_back(1); });
  gate.WaitFor(5, [&] { ran.push_back(5); });
  gate.Advance(4);
  EXPECT_EQ(ran, (std::vector<int>{1, 2}));
  gate.Advance(5);
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 5}));
}

TEST(RevisionGate, IgnoresLowerRevisions) {
  RevisionGate gate;
  gate.Advance(7);
  gate.Advance(2);
  bool ran = false;
  gate.WaitFor(7, [&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(RevisionGate, ForgetsAWaiterOnce) {
  RevisionGate gate;
  bool ran = false;
  const int64_t id = gate.WaitFor(1, [&] { ran = true; });
  EXPECT_NE(id, 0);
  EXPECT_TRUE(gate.Forget(id));
  EXPECT_FALSE(gate.Forget(id));
  gate.Advance(1);
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace longbow::flight
