#include "flight_index.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <arrow/api.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>

namespace longbow::storage {
namespace {

using std::chrono::seconds;

class FlightIndexTest : public ::testing::Test {
 protected:
  FlightPath Path(const std::string& text) { return FlightPath::Parse(text).ValueOrDie(); }

  arrow::Result<StoredFlightInfo> Put(const std::string& path,
                                      IfExists if_exists = IfExists::kError,
                                      std::optional<int64_t> ttl_sec = {}) {
    FlightData data;
    data.overhead = Charge(budget_);
    EXPECT_TRUE(data.overhead.TryGrow(100));
    StoredFlightInfo info{.path = Path(path),
                          .schema = arrow::schema({}),
                          .bytes = 100,
                          .created = {},
                          .expires = {}};
    return index_.Publish(std::make_shared<MemoryFlight>(std::move(info), std::move(data)),
                          if_exists, ttl_sec);
  }

  std::vector<std::string> List(const std::vector<std::string>& prefix, int64_t limit = 1000) {
    std::vector<std::string> paths;
    for (const auto& info : index_.List(prefix, limit)) paths.push_back(info.path.ToString());
    return paths;
  }

  testing::FakeClock clock_;
  std::shared_ptr<MemoryBudget> budget_ = std::make_shared<MemoryBudget>(1'000'000);
  FlightIndex index_{clock_};
};

TEST_F(FlightIndexTest, RevisionsGrowWithEachChange) {
  EXPECT_EQ(index_.revision(), 0);
  EXPECT_EQ(Put("a")->revision, 1);
  EXPECT_EQ(Put("b")->revision, 2);
  EXPECT_EQ(Put("a", IfExists::kReplace)->revision, 3);
  EXPECT_EQ(index_.Delete({Path("a"), Path("b"), Path("c")}), 2);
  EXPECT_EQ(index_.revision(), 4);
  EXPECT_EQ(index_.Delete({Path("a")}), 0);
  EXPECT_EQ(index_.revision(), 4);
}

TEST_F(FlightIndexTest, FindsTheNewestOrTheNamedRevision) {
  ASSERT_TRUE(Put("a").ok());
  ASSERT_TRUE(Put("a", IfExists::kReplace).ok());
  EXPECT_EQ(index_.Find(Path("a"), {})->info().revision, 2);
  EXPECT_NE(index_.Find(Path("a"), 2), nullptr);
  EXPECT_EQ(index_.Find(Path("a"), 1), nullptr);
  EXPECT_EQ(index_.Find(Path("a/b"), {}), nullptr);
}

TEST_F(FlightIndexTest, TheFirstWinsUnlessItIsReplaced) {
  ASSERT_TRUE(Put("a").ok());
  auto second = Put("a");
  EXPECT_EQ(ErrorCodeOf(second.status()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(ErrorCodeOf(Put("a", IfExists::kReuse).status()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(index_.revision(), 1);
  EXPECT_EQ(budget_->used(), 100);
}

TEST_F(FlightIndexTest, ListsInTheOrderOfThePaths) {
  for (const char* path : {"b/2", "a", "b", "b/10", "ba", "b/2/x"}) ASSERT_TRUE(Put(path).ok());
  EXPECT_EQ(List({}), (std::vector<std::string>{"a", "b", "b/10", "b/2", "b/2/x", "ba"}));
  EXPECT_EQ(List({"b"}), (std::vector<std::string>{"b", "b/10", "b/2", "b/2/x"}));
  EXPECT_EQ(List({"b", "2"}), (std::vector<std::string>{"b/2", "b/2/x"}));
  EXPECT_EQ(List({"b"}, 2), (std::vector<std::string>{"b", "b/10"}));
  EXPECT_EQ(List({}, 0), std::vector<std::string>{});
  EXPECT_EQ(List({"c"}), std::vector<std::string>{});
}

TEST_F(FlightIndexTest, DeletesAPrefixInOneStep) {
  for (const char* path : {"b/2", "a", "b", "ba"}) ASSERT_TRUE(Put(path).ok());
  EXPECT_EQ(index_.DeletePrefix({"b"}), 2);
  EXPECT_EQ(index_.revision(), 5);
  EXPECT_EQ(List({}), (std::vector<std::string>{"a", "ba"}));
  EXPECT_EQ(budget_->used(), 200);
}

TEST_F(FlightIndexTest, WhatHasExpiredIsGoneAtOnceAndFreedByTheNextChange) {
  auto info = Put("a", IfExists::kError, 10);
  EXPECT_EQ(*info->expires, clock_.WallNow() + seconds(10));
  EXPECT_EQ(info->created, clock_.WallNow());
  ASSERT_TRUE(Put("b").ok());
  clock_.Advance(seconds(9));
  EXPECT_NE(index_.Find(Path("a"), {}), nullptr);
  clock_.Advance(seconds(1));
  EXPECT_EQ(index_.Find(Path("a"), {}), nullptr);
  EXPECT_EQ(List({}), std::vector<std::string>{"b"});
  EXPECT_EQ(budget_->used(), 200);
  EXPECT_EQ(index_.Delete({Path("a")}), 0);
  EXPECT_EQ(budget_->used(), 100);
}

TEST_F(FlightIndexTest, AnExpiredFlightDoesNotStandInTheWay) {
  ASSERT_TRUE(Put("a", IfExists::kError, 10).ok());
  clock_.Advance(seconds(10));
  EXPECT_TRUE(Put("a").ok());
  clock_.Advance(seconds(1000));
  EXPECT_NE(index_.Find(Path("a"), {}), nullptr);
}

TEST_F(FlightIndexTest, ReplacingOrDeletingForgetsTheOldExpiry) {
  ASSERT_TRUE(Put("a", IfExists::kError, 10).ok());
  ASSERT_TRUE(Put("a", IfExists::kReplace, 20).ok());
  ASSERT_TRUE(Put("b", IfExists::kError, 10).ok());
  EXPECT_EQ(index_.Delete({Path("b")}), 1);
  ASSERT_TRUE(Put("b").ok());
  clock_.Advance(seconds(15));
  index_.Sweep();
  EXPECT_EQ(List({}), (std::vector<std::string>{"a", "b"}));
  clock_.Advance(seconds(5));
  index_.Sweep();
  EXPECT_EQ(List({}), std::vector<std::string>{"b"});
}

TEST_F(FlightIndexTest, AnEndlessTtlStays) {
  auto info = Put("a", IfExists::kError, std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(info->expires.has_value());
}

TEST_F(FlightIndexTest, ReadersSeeOneOrTheOtherRevisionWhileItIsReplaced) {
  ASSERT_TRUE(Put("a").ok());
  std::atomic<bool> done{false};
  std::atomic<int> missing{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int64_t last = 0;
      while (!done.load()) {
        auto flight = index_.Find(Path("a"), {});
        if (flight == nullptr || flight->info().revision < last) {
          ++missing;
        } else {
          last = flight->info().revision;
        }
        index_.List({}, 10);
      }
    });
  }
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(Put("a", IfExists::kReplace).ok());
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(missing, 0);
  EXPECT_EQ(budget_->used(), 100);
}

}  // namespace
}  // namespace longbow::storage
