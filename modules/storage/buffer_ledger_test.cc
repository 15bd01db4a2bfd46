#include "buffer_ledger.h"

#include <gtest/gtest.h>

#include <arrow/api.h>

#include <longbow/error.h>

namespace longbow::storage {
namespace {

class BufferLedgerTest : public ::testing::Test {
 protected:
  BufferLedger MakeLedger() {
    return BufferLedger(budget_, [](Charge* charge, int64_t bytes) {
      return charge->TryGrow(bytes) ? arrow::Status::OK()
                                    : MakeError(ErrorCode::kBackpressure, "full");
    });
  }

  std::shared_ptr<MemoryBudget> budget_ = std::make_shared<MemoryBudget>(10'000);
};

std::shared_ptr<arrow::Buffer> Bytes(int64_t n) { return arrow::AllocateBuffer(n).ValueOrDie(); }

TEST_F(BufferLedgerTest, CountsTheWholeBufferBehindSlicesOnce) {
  auto ledger = MakeLedger();
  auto body = Bytes(4096);
  auto a = ledger.Keep(arrow::SliceBuffer(body, 0, 100)).ValueOrDie();
  auto b = ledger.Keep(arrow::SliceBuffer(arrow::SliceBuffer(body, 128, 512), 64, 8)).ValueOrDie();
  EXPECT_EQ(budget_->used(), 4096);
  EXPECT_EQ(ledger.bytes(), 4096);
  EXPECT_EQ(a->size(), 100);
  EXPECT_EQ(b->data(), body->data() + 192);
}

TEST_F(BufferLedgerTest, TheChargeEndsWithTheLastSlice) {
  std::shared_ptr<arrow::Buffer> slice;
  {
    auto ledger = MakeLedger();
    auto kept = ledger.Keep(Bytes(4096)).ValueOrDie();
    slice = arrow::SliceBuffer(kept, 10, 10);
    ledger.Clear();
    EXPECT_EQ(ledger.bytes(), 0);
  }
  EXPECT_EQ(budget_->used(), 4096);
  slice.reset();
  EXPECT_EQ(budget_->used(), 0);
}

TEST_F(BufferLedgerTest, WhatAnotherLedgerKeepsIsCountedAgainAndOutlivesIt) {
  auto first = MakeLedger();
  auto second = MakeLedger();
  auto kept = first.Keep(Bytes(1024)).ValueOrDie();
  auto again = second.Keep(arrow::SliceBuffer(kept, 0, 10)).ValueOrDie();
  EXPECT_EQ(budget_->used(), 2048);
  kept.reset();
  first.Clear();
  EXPECT_EQ(budget_->used(), 1024);
}

TEST_F(BufferLedgerTest, WhatDoesNotFitChangesNothing) {
  auto ledger = MakeLedger();
  ASSERT_TRUE(ledger.Keep(Bytes(8192)).ok());
  auto refused = ledger.Keep(Bytes(4096));
  EXPECT_EQ(ErrorCodeOf(refused.status()), ErrorCode::kBackpressure);
  EXPECT_EQ(ledger.bytes(), 8192);
  EXPECT_EQ(budget_->used(), 8192);
  EXPECT_TRUE(ledger.Keep(Bytes(1024)).ok());
}

TEST_F(BufferLedgerTest, BatchesStayEqualAndShareADictionary) {
  auto ledger = MakeLedger();
  arrow::StringDictionaryBuilder builder;
  for (const char* text : {"a", "b", "a", "c"}) ASSERT_TRUE(builder.Append(text).ok());
  auto column = builder.Finish().ValueOrDie();
  auto schema = arrow::schema({arrow::field("d", column->type())});
  auto batch = arrow::RecordBatch::Make(schema, 4, {column});
  auto head = ledger.Keep(*batch->Slice(0, 2)).ValueOrDie();
  auto tail = ledger.Keep(*batch->Slice(2, 2)).ValueOrDie();
  EXPECT_TRUE(head->Equals(*batch->Slice(0, 2)));
  EXPECT_TRUE(tail->Equals(*batch->Slice(2, 2)));
  EXPECT_EQ(head->column_data(0)->dictionary, tail->column_data(0)->dictionary);
  EXPECT_EQ(ledger.NewBytes(*batch), 0);
}

TEST_F(BufferLedgerTest, NewBytesTellsWhatKeepWouldCharge) {
  auto ledger = MakeLedger();
  arrow::Int64Builder builder;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(builder.Append(i).ok());
  auto column = builder.Finish().ValueOrDie();
  auto schema =
      arrow::schema({arrow::field("x", arrow::int64()), arrow::field("y", arrow::int64())});
  auto batch = arrow::RecordBatch::Make(schema, 100, {column, column});
  const int64_t expected = ledger.NewBytes(*batch);
  ASSERT_TRUE(ledger.Keep(*batch).ok());
  EXPECT_EQ(ledger.bytes(), expected);
  EXPECT_GE(expected, 800);
  EXPECT_LT(expected, 1600);
}

TEST(MemoryBudget, NeverPassesItsLimit) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.TryCharge(100));
  EXPECT_FALSE(budget.TryCharge(1));
  budget.Release(1);
  EXPECT_TRUE(budget.TryCharge(1));
  EXPECT_FALSE(budget.TryCharge(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(budget.used(), 100);
}

TEST(SizeText, IsForPeople) {
  EXPECT_EQ(SizeText(0), "0 B");
  EXPECT_EQ(SizeText(999), "999 B");
  EXPECT_EQ(SizeText(1500), "1.5 kB");
  EXPECT_EQ(SizeText(2'000'000'000), "2.0 GB");
  EXPECT_EQ(SizeText(512'000'000), "512 MB");
}

}  // namespace
}  // namespace longbow::storage
