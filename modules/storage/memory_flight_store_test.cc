#include "memory_flight_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <arrow/api.h>
#include <arrow/util/byte_size.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>

#include "storage_service.h"

namespace longbow::storage {
namespace {

using std::chrono::seconds;

constexpr int64_t kMiB = 1 << 20;

FlightPath Path(const std::string& text) { return FlightPath::Parse(text).ValueOrDie(); }

std::shared_ptr<arrow::Schema> NumbersSchema() {
  return arrow::schema({arrow::field("x", arrow::float64())});
}

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t rows) {
  auto buffer = arrow::AllocateBuffer(rows * 8).ValueOrDie();
  for (int64_t i = 0; i < rows; ++i) {
    reinterpret_cast<double*>(buffer->mutable_data())[i] = static_cast<double>(i);
  }
  auto data = arrow::ArrayData::Make(
      arrow::float64(), rows, {nullptr, std::shared_ptr<arrow::Buffer>(std::move(buffer))}, 0);
  return arrow::RecordBatch::Make(NumbersSchema(), rows, {std::move(data)});
}

class MemoryFlightStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<FlightPut> Begin(const std::string& path,
                                   std::shared_ptr<arrow::Schema> schema = NumbersSchema(),
                                   IfExists if_exists = IfExists::kError,
                                   std::optional<int64_t> ttl_sec = {}) {
    auto put = store_.BeginPut({Path(path), std::move(schema), if_exists, ttl_sec});
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? *std::move(put) : nullptr;
  }

  arrow::Result<StoredFlightInfo> Put(const std::string& path,
                                      const arrow::RecordBatchVector& batches,
                                      IfExists if_exists = IfExists::kError,
                                      std::optional<int64_t> ttl_sec = {}) {
    ARROW_ASSIGN_OR_RAISE(auto put,
                          store_.BeginPut({Path(path), batches[0]->schema(), if_exists, ttl_sec}));
    for (const auto& batch : batches) ARROW_RETURN_NOT_OK(put->Append(batch));
    return put->Commit();
  }

  arrow::RecordBatchVector Read(const StoredFlight& flight) {
    return flight.Open().ValueOrDie()->ToRecordBatches().ValueOrDie();
  }

  void ExpectStored(const StoredFlight& flight, const arrow::RecordBatchVector& batches) {
    auto stored = arrow::Table::FromRecordBatches(flight.info().schema, Read(flight)).ValueOrDie();
    auto expected = arrow::Table::FromRecordBatches(batches).ValueOrDie();
    EXPECT_TRUE(stored->Equals(*expected));
    EXPECT_EQ(flight.info().rows, expected->num_rows());
  }

  testing::FakeClock clock_;
  MemoryFlightStore store_{{.memory_limit = 16 * kMiB}, clock_};
};

TEST_F(MemoryFlightStoreTest, WhatWasPutIsReadBack) {
  auto batch = Numbers(1000);
  auto info = Put("a/b", {batch, batch->Slice(3, 4)});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->rows, 1004);
  EXPECT_GE(info->bytes, 8032);
  EXPECT_EQ(info->bytes, store_.bytes_used());
  auto flight = store_.Find(Path("a/b"));
  ASSERT_NE(flight, nullptr);
  ExpectStored(*flight, {batch, batch->Slice(3, 4)});
}

TEST_F(MemoryFlightStoreTest, NothingIsVisibleOrLeftOfAPutWithoutACommit) {
  auto put = Begin("a");
  ASSERT_TRUE(put->Append(Numbers(100'000)).ok());
  ASSERT_TRUE(put->Append(Numbers(10)).ok());
  EXPECT_EQ(store_.Find(Path("a")), nullptr);
  EXPECT_GE(store_.bytes_used(), 800'080);
  put.reset();
  EXPECT_EQ(store_.Find(Path("a")), nullptr);
  EXPECT_EQ(store_.revision(), 0);
  EXPECT_EQ(store_.bytes_used(), 0);
}

TEST_F(MemoryFlightStoreTest, AFlightWithoutRowsIsAFlight) {
  auto put = Begin("a");
  ASSERT_TRUE(put->Append(Numbers(0)).ok());
  ASSERT_TRUE(put->Commit().ok());
  auto flight = store_.Find(Path("a"));
  ASSERT_NE(flight, nullptr);
  EXPECT_EQ(flight->message_count(), 1);
  EXPECT_TRUE(Read(*flight).empty());
}

TEST_F(MemoryFlightStoreTest, TheFirstToCommitWins) {
  auto first = Begin("a");
  auto second = Begin("a");
  ASSERT_TRUE(second->Append(Numbers(2)).ok());
  ASSERT_TRUE(second->Commit().ok());
  ASSERT_TRUE(first->Append(Numbers(1)).ok());
  EXPECT_EQ(ErrorCodeOf(first->Commit().status()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(store_.Find(Path("a"))->info().rows, 2);
  auto third = store_.BeginPut({Path("a"), NumbersSchema(), IfExists::kError, {}});
  EXPECT_EQ(ErrorCodeOf(third.status()), ErrorCode::kAlreadyExists);
}

TEST_F(MemoryFlightStoreTest, ReadersKeepWhatTheyOpened) {
  ASSERT_TRUE(Put("a", {Numbers(100'000)}).ok());
  auto flight = store_.Find(Path("a"));
  auto reader = flight->Open().ValueOrDie();
  flight.reset();
  ASSERT_TRUE(Put("a", {Numbers(1)}, IfExists::kReplace).ok());
  EXPECT_EQ(store_.Delete({Path("a")}).ValueOrDie(), 1);
  EXPECT_GE(store_.bytes_used(), 800'000);
  auto batch = reader->Next().ValueOrDie();
  reader.reset();
  EXPECT_GE(store_.bytes_used(), 800'000) << "the batch still holds its memory";
  EXPECT_EQ(batch->num_rows(), 100'000);
  batch.reset();
  EXPECT_EQ(store_.bytes_used(), 0);
}

TEST_F(MemoryFlightStoreTest, TheLimitHoldsAndSaysWhatToDo) {
  ASSERT_TRUE(Put("a", {Numbers(kMiB)}).ok());  // 8 MiB
  auto put = Begin("b");
  arrow::Status status;
  int taken = 0;
  while (status.ok() && taken < 100) {
    status = put->Append(Numbers(kMiB / 8));  // 1 MiB
    EXPECT_LE(store_.bytes_used(), 16 * kMiB);
    ++taken;
  }
  EXPECT_EQ(taken, 8);
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBackpressure);
  EXPECT_NE(status.message().find("memory_limit"), std::string::npos) << status;
  put.reset();
  EXPECT_TRUE(Put("c", {Numbers(kMiB / 2)}).ok());
}

TEST_F(MemoryFlightStoreTest, AFlightThatCanNeverFitIsToldSo) {
  auto put = Begin("a");
  auto status = put->Append(Numbers(4 * kMiB));
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kResourceExhausted);
  EXPECT_NE(status.message().find("alone"), std::string::npos) << status;
}

TEST_F(MemoryFlightStoreTest, TinyFlightsAreHeldByTheLimitToo) {
  MemoryFlightStore store({.memory_limit = kMiB}, clock_);
  arrow::Status status;
  int stored = 0;
  while (status.ok() && stored < 100'000) {
    auto put = store.BeginPut(
        {Path("f/" + std::to_string(stored)), NumbersSchema(), IfExists::kError, {}});
    status = put.ok() ? (*put)->Commit().status() : put.status();
    ++stored;
  }
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBackpressure);
  EXPECT_LT(stored, 1000);
}

TEST_F(MemoryFlightStoreTest, ExpiredFlightsMakeRoomForOthers) {
  ASSERT_TRUE(Put("old", {Numbers(kMiB)}, IfExists::kError, 10).ok());
  auto put = Begin("new");
  ASSERT_TRUE(put->Append(Numbers(kMiB / 2)).ok());
  clock_.Advance(seconds(10));
  EXPECT_EQ(store_.Find(Path("old")), nullptr);
  EXPECT_TRUE(put->Append(Numbers(kMiB)).ok());
  EXPECT_TRUE(put->Commit().ok());
}

TEST_F(MemoryFlightStoreTest, TellsWhatIsStored) {
  EXPECT_EQ(store_.usage().flights, 0);
  EXPECT_EQ(store_.usage().bytes, 0);
  EXPECT_EQ(store_.usage().limit_bytes, 16 * kMiB);
  ASSERT_TRUE(Put("a", {Numbers(1000)}).ok());
  ASSERT_TRUE(Put("b", {Numbers(1000)}, IfExists::kError, 10).ok());
  auto put = Begin("c");
  ASSERT_TRUE(put->Append(Numbers(100'000)).ok());
  EXPECT_EQ(store_.usage().flights, 2) << "one that is not committed is none";
  EXPECT_EQ(store_.usage().bytes, store_.bytes_used());
  EXPECT_GE(store_.usage().bytes, 102'000 * 8);
  put.reset();
  clock_.Advance(seconds(11));
  EXPECT_EQ(store_.usage().flights, 1) << "one that has expired is none";
  ASSERT_TRUE(store_.Delete({Path("a")}).ok());
  EXPECT_EQ(store_.usage().flights, 0);
  EXPECT_EQ(store_.usage().bytes, 0);
}

TEST_F(MemoryFlightStoreTest, SmallBatchesAreJoined) {
  auto batch = Numbers(2048);
  arrow::RecordBatchVector batches(200, batch);
  ASSERT_TRUE(Put("a", batches).ok());
  auto flight = store_.Find(Path("a"));
  ExpectStored(*flight, batches);
  const auto read = Read(*flight);
  EXPECT_LE(read.size(), 5u);
  EXPECT_GE(read[0]->num_rows(), 122'880);
}

TEST_F(MemoryFlightStoreTest, ALargeBatchBetweenSmallOnesKeepsItsPlaceAndIsNotCopied) {
  auto small = Numbers(10);
  auto large = Numbers(200'000);
  ASSERT_TRUE(Put("a", {small, small, large, small}).ok());
  auto flight = store_.Find(Path("a"));
  ExpectStored(*flight, {small, small, large, small});
  const auto read = Read(*flight);
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[1]->column_data(0)->buffers[1]->data(), large->column_data(0)->buffers[1]->data());
}

TEST_F(MemoryFlightStoreTest, MessagesShareTheMemoryOfTheBatches) {
  auto info = Put("a", {Numbers(kMiB / 2), Numbers(kMiB / 2)});  // twice 4 MiB
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_LT(info->bytes, 8 * kMiB + 64 * 1024);
  auto flight = store_.Find(Path("a"));
  EXPECT_GE(flight->message_count(), 8);
  int64_t rows = 0;
  int64_t bytes = 0;
  for (int64_t i = 0; i < flight->message_count(); ++i) {
    auto message = flight->message(i).ValueOrDie();
    rows += message->rows;
    bytes += message->body_bytes;
    EXPECT_LE(message->body_bytes, 2 * kMiB);
  }
  EXPECT_EQ(rows, kMiB);
  EXPECT_GE(bytes, 8 * kMiB);
  EXPECT_FALSE(flight->message(flight->message_count()).ok());
  EXPECT_FALSE(flight->message(-1).ok());
}

TEST_F(MemoryFlightStoreTest, AMessageKeepsItsMemoryCharged) {
  ASSERT_TRUE(Put("a", {Numbers(100'000)}).ok());
  auto message = store_.Find(Path("a"))->message(1).ValueOrDie();
  ASSERT_TRUE(store_.Delete({Path("a")}).ok());
  EXPECT_GE(store_.bytes_used(), 800'000);
  message.reset();
  EXPECT_EQ(store_.bytes_used(), 0);
}

TEST_F(MemoryFlightStoreTest, ASliceDoesNotDragItsTableAlong) {
  auto table = Numbers(kMiB);  // 8 MiB
  auto info = Put("small", {table->Slice(1000, 10)});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_LT(info->bytes, 16 * 1024);
  info = Put("large", {table->Slice(0, kMiB / 8)});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_LT(info->bytes, kMiB + 16 * 1024);
  ExpectStored(*store_.Find(Path("large")), {table->Slice(0, kMiB / 8)});
}

TEST_F(MemoryFlightStoreTest, SlicesOfATableTogetherTakeWhatTheTableTakes) {
  auto table = Numbers(kMiB);
  arrow::RecordBatchVector slices;
  for (int64_t i = 0; i < 8; ++i) slices.push_back(table->Slice(i * kMiB / 8, kMiB / 8));
  auto info = Put("a", slices);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_LT(info->bytes, 8 * kMiB + 64 * 1024);
}

TEST_F(MemoryFlightStoreTest, ABatchOfAnotherSchemaIsRefused) {
  auto put = Begin("a", arrow::schema({arrow::field("x", arrow::int32())}));
  EXPECT_EQ(ErrorCodeOf(put->Append(Numbers(1))), ErrorCode::kBadArgument);
}

TEST_F(MemoryFlightStoreTest, TheSchemaOfThePutIsWhatIsRead) {
  auto schema = NumbersSchema()->WithMetadata(arrow::key_value_metadata({{"owner", "finance"}}));
  auto put = Begin("a", schema);
  ASSERT_TRUE(put->Append(Numbers(10)).ok());
  ASSERT_TRUE(put->Commit().ok());
  auto flight = store_.Find(Path("a"));
  EXPECT_TRUE(flight->info().schema->Equals(*schema, true));
  EXPECT_TRUE(Read(*flight)[0]->schema()->Equals(*schema, true));
}

TEST_F(MemoryFlightStoreTest, BadPutsAreRefused) {
  auto put = store_.BeginPut({Path("a"), nullptr, IfExists::kError, {}});
  EXPECT_EQ(ErrorCodeOf(put.status()), ErrorCode::kBadArgument);
  put = store_.BeginPut({Path("a"), NumbersSchema(), IfExists::kError, 0});
  EXPECT_EQ(ErrorCodeOf(put.status()), ErrorCode::kBadArgument);
  EXPECT_EQ(ErrorCodeOf(store_.DeletePrefix({}).status()), ErrorCode::kBadArgument);
}

TEST_F(MemoryFlightStoreTest, AllTypesSurvive) {
  arrow::StringDictionaryBuilder dictionary;
  arrow::StringViewBuilder views;
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::Int32Builder>());
  auto& items = static_cast<arrow::Int32Builder&>(*lists.value_builder());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(dictionary.Append("key " + std::to_string(i % 5)).ok());
    ASSERT_TRUE(i % 7 == 0 ? views.AppendNull().ok()
                           : views.Append("some text, not inline " + std::to_string(i)).ok());
    ASSERT_TRUE(lists.Append().ok());
    ASSERT_TRUE(items.Append(i).ok());
  }
  arrow::ArrayVector columns = {dictionary.Finish().ValueOrDie(), views.Finish().ValueOrDie(),
                                lists.Finish().ValueOrDie(),
                                arrow::MakeArrayOfNull(arrow::null(), 50).ValueOrDie()};
  arrow::FieldVector fields;
  for (const auto& column : columns) {
    fields.push_back(arrow::field("c" + std::to_string(fields.size()), column->type()));
  }
  auto batch = arrow::RecordBatch::Make(arrow::schema(fields), 50, columns);
  ASSERT_TRUE(Put("a", {batch, batch->Slice(10, 20), batch->Slice(3, 0), batch}).ok());
  ExpectStored(*store_.Find(Path("a")), {batch, batch->Slice(10, 20), batch});
}

TEST_F(MemoryFlightStoreTest, PutsOfSeveralThreadsKeepTheBooks) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        auto info =
            Put("shared/" + std::to_string(i % 3), {Numbers(1000 * (t + 1))}, IfExists::kReplace);
        EXPECT_TRUE(info.ok()) << info.status();
        store_.List({"shared"}, 10);
        if (i % 10 == 0) {
          EXPECT_TRUE(store_.DeletePrefix({"shared"}).ok());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  int64_t listed = 0;
  for (const auto& info : store_.List({}, 10)) listed += info.bytes;
  EXPECT_EQ(listed, store_.bytes_used());
  ASSERT_TRUE(store_.DeletePrefix({"shared"}).ok());
  EXPECT_EQ(store_.bytes_used(), 0);
}

TEST(StorageService, AnswersNoCommands) {
  StorageService service;
  EXPECT_EQ(service.description().name, "storage");
  EXPECT_FALSE(service.description().takes_inputs);
}

}  // namespace
}  // namespace longbow::storage
