#include "http/connection_table.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::http {
namespace {

using std::chrono::seconds;

/// Two ends of a connection; the first is in the table.
struct Pair {
  Pair() { socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends); }
  ~Pair() {
    close(ends[0]);
    close(ends[1]);
  }
  bool cut() const {
    char byte = 0;
    return recv(ends[1], &byte, 1, 0) == 0;  // else EAGAIN
  }
  int ends[2];
};

class ConnectionTableTest : public ::testing::Test {
 protected:
  longbow::testing::FakeClock clock_;
  longbow::testing::RecordingLogger logger_;
  ConnectionTable table_{{3, seconds(10), &clock_, &logger_}};
  Pair a_, b_, c_, d_;
};

TEST_F(ConnectionTableTest, WhoIsLateIsCutOff) {
  table_.Add(a_.ends[0]);
  clock_.Advance(seconds(6));
  table_.Add(b_.ends[0]);
  EXPECT_EQ(table_.CutLate(), clock_.Now() + seconds(4));
  EXPECT_FALSE(a_.cut());
  clock_.Advance(seconds(4));
  EXPECT_EQ(table_.CutLate(), clock_.Now() + seconds(6));
  EXPECT_TRUE(a_.cut());
  EXPECT_FALSE(b_.cut());
  EXPECT_EQ(table_.size(), 1u);
}

TEST_F(ConnectionTableTest, WhoDoesTheNextThingHasItsTimeAgain) {
  const auto a = table_.Add(a_.ends[0]);
  const auto b = table_.Add(b_.ends[0]);
  clock_.Advance(seconds(9));
  table_.Restart(a);
  clock_.Advance(seconds(1));
  table_.CutLate();
  EXPECT_FALSE(a_.cut());
  EXPECT_TRUE(b_.cut());
  // What was cut off stays so, and can still be removed.
  table_.Restart(b);
  table_.Remove(b);
  table_.Remove(a);
  EXPECT_EQ(table_.CutLate(), std::nullopt);
}

TEST_F(ConnectionTableTest, OneTooManyTakesThePlaceOfTheOneWaitedForLongest) {
  const auto a = table_.Add(a_.ends[0]);
  table_.Add(b_.ends[0]);
  table_.Add(c_.ends[0]);
  table_.Restart(a);
  table_.Add(d_.ends[0]);
  EXPECT_TRUE(b_.cut());
  EXPECT_FALSE(a_.cut());
  EXPECT_FALSE(c_.cut());
  EXPECT_EQ(table_.size(), 3u);
  EXPECT_TRUE(logger_.Contains("max_connections of [http]"));
}

TEST_F(ConnectionTableTest, ARemovedSocketIsNeverTouched) {
  const auto a = table_.Add(a_.ends[0]);
  table_.Remove(a);
  clock_.Advance(seconds(60));
  table_.CutLate();
  EXPECT_FALSE(a_.cut());
}

TEST_F(ConnectionTableTest, AFloodIsToldOnceInTenSeconds) {
  for (int i = 0; i < 100; ++i) table_.Add(a_.ends[0]);
  EXPECT_EQ(logger_.lines().size(), 1u);
  clock_.Advance(seconds(10));
  table_.Add(a_.ends[0]);
  EXPECT_EQ(logger_.lines().size(), 2u);
}

}  // namespace
}  // namespace longbow::http
