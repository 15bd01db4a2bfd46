/// \file
/// Of the suite in flight_store_contract.h: all or nothing, revisions, limits, deleting, many at
/// once.
#pragma once

#include <longbow/testing/flight_store_contract.h>

namespace longbow::testing {

TEST_P(FlightStoreContract, BeginsEmpty) {
  EXPECT_EQ(store_->revision(), 0);
  EXPECT_EQ(store_->Find(Path("a")), nullptr);
  EXPECT_TRUE(store_->List({}, 10).empty());
}

TEST_P(FlightStoreContract, APutIsVisibleAllAtOnceWhenItIsCommitted) {
  auto put = Begin("a/b");
  ASSERT_TRUE(put->Append(Numbers(0, 100)).ok());
  ASSERT_TRUE(put->Append(Numbers(100, 100)).ok());
  EXPECT_EQ(store_->Find(Path("a/b")), nullptr);
  EXPECT_TRUE(store_->List({}, 10).empty());
  EXPECT_EQ(store_->revision(), 0);
  StoredFlightInfo info = put->Commit().ValueOrDie();
  put.reset();
  EXPECT_EQ(info.path, Path("a/b"));
  EXPECT_EQ(info.rows, 200);
  EXPECT_GE(info.bytes, 200 * 8);
  EXPECT_GT(info.revision, 0);
  EXPECT_EQ(info.revision, store_->revision());
  EXPECT_EQ(info.created, clock_.WallNow());
  ExpectHolds(Path("a/b"), {Numbers(0, 200)});
  std::vector<StoredFlightInfo> listed = store_->List({}, 10);
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].revision, info.revision);
  EXPECT_EQ(listed[0].bytes, info.bytes);
  EXPECT_TRUE(listed[0].schema->Equals(*NumberSchema()));
}

TEST_P(FlightStoreContract, AnAbortedPutLeavesNoTrace) {
  ASSERT_TRUE(Put(Path("kept"), {Numbers(0, 1)}).ok());
  int64_t revision = store_->revision();
  for (const char* path : {"a", "kept"}) {
    auto put = Begin(Path(path), {IfExists::kReplace}).ValueOrDie();
    ASSERT_TRUE(put->Append(Numbers(5, 100)).ok());
  }
  EXPECT_EQ(store_->Find(Path("a")), nullptr);
  EXPECT_EQ(store_->revision(), revision);
  ExpectHolds(Path("kept"), {Numbers(0, 1)});
}

TEST_P(FlightStoreContract, RefusesABatchOfAnotherSchema) {
  auto put = Begin("a");
  ASSERT_TRUE(put->Append(Numbers(0, 1)).ok());
  ExpectCode(put->Append(OneOf(arrow::utf8(), "[\"x\"]").at(0)), ErrorCode::kBadArgument);
  put.reset();
  EXPECT_EQ(store_->Find(Path("a")), nullptr);
}

TEST_P(FlightStoreContract, DoesWhatIsAskedWhenThePathIsTaken) {
  StoredFlightInfo first = Put(Path("a"), {Numbers(0, 1)}).ValueOrDie();
  for (IfExists refuse : {IfExists::kError, IfExists::kReuse}) {
    ExpectCode(Begin(Path("a"), {refuse}).status(), ErrorCode::kAlreadyExists);
  }
  ExpectHolds(Path("a"), {Numbers(0, 1)});
  // Below and above a taken path is room.
  ASSERT_TRUE(Put(Path("a/b"), {Numbers(7, 1)}).ok());
  StoredFlightInfo second = Put(Path("a"), {Numbers(1, 2)}, {IfExists::kReplace}).ValueOrDie();
  EXPECT_GT(second.revision, first.revision);
  ExpectHolds(Path("a"), {Numbers(1, 2)});
}

TEST_P(FlightStoreContract, FindsByRevision) {
  StoredFlightInfo info = Put(Path("a"), {Numbers(0, 1)}).ValueOrDie();
  EXPECT_NE(store_->Find(Path("a"), info.revision), nullptr);
  EXPECT_EQ(store_->Find(Path("a"), info.revision + 1), nullptr);
  EXPECT_EQ(store_->Find(Path("a"), 0), nullptr);
  StoredFlightInfo other = Put(Path("b"), {Numbers(0, 1)}).ValueOrDie();
  EXPECT_EQ(store_->Find(Path("a"), other.revision), nullptr);
  // An old revision is there or not, but is never another one.
  StoredFlightInfo newer = Put(Path("a"), {Numbers(5, 1)}, {IfExists::kReplace}).ValueOrDie();
  if (auto old = store_->Find(Path("a"), info.revision)) {
    EXPECT_EQ(old->info().revision, info.revision);
  }
  EXPECT_EQ(store_->Find(Path("a"), newer.revision)->info().revision, newer.revision);
  EXPECT_EQ(store_->Find(Path("a"))->info().revision, newer.revision);
}

TEST_P(FlightStoreContract, ReadersKeepTheirRevision) {
  arrow::RecordBatchVector batches = {Numbers(0, 200000), Numbers(200000, 200000)};
  ASSERT_TRUE(Put(Path("a"), batches).ok());
  std::shared_ptr<const StoredFlight> flight = store_->Find(Path("a"));
  auto reader = flight->Open().ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> first = reader->Next().ValueOrDie();
  ASSERT_TRUE(Put(Path("a"), {Numbers(7, 1)}, {IfExists::kReplace}).ok());
  ASSERT_EQ(store_->Delete({Path("a")}).ValueOrDie(), 1);
  arrow::RecordBatchVector read = {first};
  while (auto batch = reader->Next().ValueOrDie()) read.push_back(std::move(batch));
  auto expected = arrow::Table::FromRecordBatches(batches).ValueOrDie();
  ExpectSameRows(*arrow::Table::FromRecordBatches(read).ValueOrDie(), *expected);
  ExpectSameRows(*DecodeAll(flight), *expected);
  reader.reset();
  // Even the store may go.
  store_.reset();
  ExpectSameRows(*ReadAll(flight), *expected);
}

TEST_P(FlightStoreContract, RevisionsGrowWithEveryChange) {
  int64_t last = store_->revision();
  auto expect_grown = [&](const char* after) {
    EXPECT_GT(store_->revision(), last) << after;
    last = store_->revision();
  };
  ASSERT_TRUE(Put(Path("a"), {Numbers(0, 1)}).ok());
  expect_grown("a put");
  ASSERT_TRUE(Put(Path("a"), {Numbers(0, 1)}, {IfExists::kReplace}).ok());
  expect_grown("a replacement");
  ASSERT_EQ(store_->Delete({Path("a")}).ValueOrDie(), 1);
  expect_grown("a delete");
  StoredFlightInfo again = Put(Path("a"), {Numbers(0, 1)}).ValueOrDie();
  EXPECT_EQ(again.revision, store_->revision());
  expect_grown("a put after a delete");
  ASSERT_EQ(store_->DeletePrefix({"a"}).ValueOrDie(), 1);
  expect_grown("a delete by prefix");
}

TEST_P(FlightStoreContract, FlightsLiveForTheirTime) {
  StoredFlightInfo info = Put(Path("a"), {Numbers(0, 5)}, {IfExists::kError, 10}).ValueOrDie();
  ASSERT_TRUE(info.expires.has_value());
  EXPECT_EQ(*info.expires - info.created, std::chrono::seconds(10));
  auto flight = store_->Find(Path("a"));
  clock_.Advance(std::chrono::milliseconds(9999));
  EXPECT_NE(store_->Find(Path("a")), nullptr);
  EXPECT_EQ(store_->List({}, 10).size(), 1u);
  clock_.Advance(std::chrono::milliseconds(2));
  EXPECT_EQ(store_->Find(Path("a")), nullptr);
  EXPECT_EQ(store_->Find(Path("a"), info.revision), nullptr);
  EXPECT_TRUE(store_->List({}, 10).empty());
  EXPECT_EQ(store_->Delete({Path("a")}).ValueOrDie(), 0);
  EXPECT_EQ(ReadAll(flight)->num_rows(), 5) << "who has it keeps it";
  EXPECT_TRUE(Put(Path("a"), {Numbers(1, 1)}).ok()) << "the path is free again";
  ExpectHolds(Path("a"), {Numbers(1, 1)});
}

TEST_P(FlightStoreContract, LifeBeginsWithTheCommit) {
  auto put = Begin(Path("a"), {IfExists::kError, 10}).ValueOrDie();
  clock_.Advance(std::chrono::seconds(60));
  StoredFlightInfo info = put->Commit().ValueOrDie();
  EXPECT_EQ(info.created, clock_.WallNow());
  EXPECT_EQ(*info.expires, clock_.WallNow() + std::chrono::seconds(10));
  EXPECT_NE(store_->Find(Path("a")), nullptr);
}

TEST_P(FlightStoreContract, DeletesWhatIsThere) {
  for (const char* path : {"a", "a/b", "a/b/c", "a/bc", "b"}) {
    ASSERT_TRUE(Put(Path(path), {Numbers(0, 1)}).ok());
  }
  EXPECT_EQ(store_->Delete({}).ValueOrDie(), 0);
  EXPECT_EQ(store_->Delete({Path("x")}).ValueOrDie(), 0);
  EXPECT_EQ(store_->Delete({Path("b"), Path("x"), Path("b")}).ValueOrDie(), 1);
  EXPECT_EQ(store_->Find(Path("b")), nullptr);
  EXPECT_EQ(store_->DeletePrefix({"a", "b"}).ValueOrDie(), 2) << "the path itself, and those below";
  EXPECT_NE(store_->Find(Path("a/bc")), nullptr);
  EXPECT_NE(store_->Find(Path("a")), nullptr);
  EXPECT_EQ(store_->DeletePrefix({"x"}).ValueOrDie(), 0);
  ExpectCode(store_->DeletePrefix({}).status(), ErrorCode::kBadArgument);
  EXPECT_EQ(store_->List({}, 10).size(), 2u);
}

TEST_P(FlightStoreContract, ListsInOrderBelowAPrefixUpToALimit) {
  // As texts, `a!/x` would come before `a/x`.
  for (const char* path : {"b", "a/y", "a!/x", "a", "a/x/z", "a/x"}) {
    ASSERT_TRUE(Put(Path(path), {Numbers(0, 1)}).ok());
  }
  auto paths = [&](const std::vector<std::string>& prefix, int64_t limit) {
    std::vector<std::string> texts;
    for (const StoredFlightInfo& info : store_->List(prefix, limit)) {
      texts.push_back(info.path.ToString());
    }
    return texts;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(paths({}, 100), (Texts{"a", "a/x", "a/x/z", "a/y", "a!/x", "b"}));
  EXPECT_EQ(paths({}, 2), (Texts{"a", "a/x"}));
  EXPECT_EQ(paths({}, 0), Texts());
  EXPECT_EQ(paths({"a"}, 100), (Texts{"a", "a/x", "a/x/z", "a/y"}));
  EXPECT_EQ(paths({"a", "x"}, 100), (Texts{"a/x", "a/x/z"}));
  EXPECT_EQ(paths({"a", "x"}, 1), Texts{"a/x"});
  EXPECT_EQ(paths({"x"}, 100), Texts());
}

TEST_P(FlightStoreContract, AFlightThatCanNeverFitIsToldSoAndLeavesNothing) {
  MakeStore(8 * kMiB);
  auto put = Begin("big");
  arrow::Status status;
  for (int i = 0; i < 16 && status.ok(); ++i) status = put->Append(Noise(kMiB));
  if (status.ok()) status = put->Commit().status();
  ExpectCode(status, ErrorCode::kResourceExhausted);
  put.reset();
  EXPECT_EQ(store_->Find(Path("big")), nullptr);
  EXPECT_EQ(store_->revision(), 0);
  EXPECT_TRUE(Put(Path("small"), {Noise(5 * kMiB)}).ok()) << "its memory is free again";
}

TEST_P(FlightStoreContract, MemoryOfAbortedReplacedDeletedAndExpiredFlightsIsFree) {
  MakeStore(8 * kMiB);
  for (int i = 0; i < 8; ++i) {
    auto put = Begin("a");
    ASSERT_TRUE(put->Append(Noise(5 * kMiB)).ok()) << "aborted, round " << i;
  }
  for (int i = 0; i < 8; ++i) {
    arrow::Status status = Put(Path("a"), {Noise(3 * kMiB)}, {IfExists::kReplace}).status();
    ASSERT_TRUE(status.ok()) << "replaced, round " << i << ": " << status.ToString();
  }
  ASSERT_EQ(store_->Delete({Path("a")}).ValueOrDie(), 1);
  for (int i = 0; i < 8; ++i) {
    arrow::Status status = Put(Path("a"), {Noise(5 * kMiB)}).status();
    ASSERT_TRUE(status.ok()) << "deleted, round " << i << ": " << status.ToString();
    ASSERT_EQ(store_->DeletePrefix({"a"}).ValueOrDie(), 1);
  }
  for (int i = 0; i < 8; ++i) {
    arrow::Status status =
        Put(Path("e/" + std::to_string(i)), {Noise(5 * kMiB)}, {IfExists::kError, 10}).status();
    ASSERT_TRUE(status.ok()) << "expired, round " << i << ": " << status.ToString();
    clock_.Advance(std::chrono::seconds(11));
  }
}

TEST_P(FlightStoreContract, TheLimitCountsWhatReadersHold) {
  MakeStore(8 * kMiB);
  ASSERT_TRUE(Put(Path("a"), {Noise(5 * kMiB)}).ok());
  std::shared_ptr<const StoredFlight> held = store_->Find(Path("a"));
  ASSERT_EQ(store_->Delete({Path("a")}).ValueOrDie(), 1);
  ExpectCode(Put(Path("b"), {Noise(5 * kMiB)}).status(), ErrorCode::kBackpressure);
  EXPECT_EQ(ReadAll(held)->num_rows(), 5 * kMiB / 8);
  held.reset();
  EXPECT_TRUE(Put(Path("b"), {Noise(5 * kMiB)}).ok());
}

TEST_P(FlightStoreContract, ASliceCostsItsOwnSize) {
  MakeStore(8 * kMiB);
  // A thousandth of a large batch must not keep, or be counted as, all of it.
  std::shared_ptr<arrow::RecordBatch> large = Noise(32 * kMiB);
  StoredFlightInfo info = Put(Path("a"), {large->Slice(1000, 4096)}).ValueOrDie();
  EXPECT_LT(info.bytes, kMiB);
  ExpectHolds(Path("a"), {large->Slice(1000, 4096)});
}

TEST_P(FlightStoreContract, OfManyPutsToOnePathOneWins) {
  constexpr int kThreads = 8;
  std::vector<std::unique_ptr<FlightPut>> puts;
  for (int i = 0; i < kThreads; ++i) {
    puts.push_back(Begin("a"));
    ASSERT_TRUE(puts.back()->Append(Numbers(i, 1000)).ok());
  }
  std::atomic<int> winner{-1};
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      arrow::Result<StoredFlightInfo> result = puts[static_cast<size_t>(i)]->Commit();
      if (result.ok()) {
        winner = i;
        ++winners;
      } else {
        EXPECT_EQ(ErrorCodeOf(result.status()), ErrorCode::kAlreadyExists);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(winners, 1);
  ExpectHolds(Path("a"), {Numbers(winner, 1000)});
}

TEST_P(FlightStoreContract, ReadersSeeWholeFlightsWhileWritersReplaceThem) {
  constexpr int64_t kRows = 1000;
  constexpr int kRounds = 50;
  ASSERT_TRUE(Put(Path("a"), {Numbers(0, kRows)}).ok());
  std::atomic<int> writing{2};
  std::vector<std::thread> threads;
  for (int64_t writer : {1, 2}) {
    threads.emplace_back([&, writer] {
      for (int round = 0; round < kRounds; ++round) {
        int64_t first = writer * 1000000 + round * 2000;
        EXPECT_TRUE(Put(Path("a"),
                        {Numbers(first, kRows / 2), Numbers(first + kRows / 2, kRows / 2)},
                        {IfExists::kReplace})
                        .ok());
        EXPECT_TRUE(
            Put(Path("w/" + std::to_string(writer)), {Numbers(0, 1)}, {IfExists::kReplace}).ok());
      }
      --writing;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      int64_t last_revision = 0;
      do {
        std::shared_ptr<const StoredFlight> flight = store_->Find(Path("a"));
        if (flight == nullptr) {
          ADD_FAILURE() << "a path that is replaced is there all the time";
          return;
        }
        EXPECT_GE(flight->info().revision, last_revision);
        last_revision = flight->info().revision;
        auto column = ReadAll(flight)->column(0);
        ASSERT_EQ(column->length(), kRows);
        auto value = [&](int64_t row) {
          auto scalar = column->GetScalar(row).ValueOrDie();
          return std::static_pointer_cast<arrow::Int64Scalar>(scalar)->value;
        };
        EXPECT_EQ(value(kRows - 1), value(0) + kRows - 1) << "rows of two revisions";
        store_->List({}, 10);
      } while (writing > 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(store_->revision(), 1 + 4 * kRounds);
  EXPECT_EQ(store_->List({}, 10).size(), 3u);
}

}  // namespace longbow::testing
