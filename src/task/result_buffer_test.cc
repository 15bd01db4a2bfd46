#include "task/result_buffer.h"

#include "task/task_fakes.h"

namespace longbow {
namespace {

using task_test::Batch;
using task_test::ValueOf;

TEST(ResultBuffer, GivesBatchesInOrderAndForgetsThem) {
  ResultBuffer buffer(/*keep=*/false, 10000);
  buffer.Append(Batch(1), 8);
  buffer.Append(Batch(2), 8);
  EXPECT_TRUE(buffer.Has(1));
  EXPECT_FALSE(buffer.Has(2));
  EXPECT_EQ(ValueOf(*buffer.Take(0)), 1);
  EXPECT_EQ(buffer.held_bytes(), ResultBuffer::Cost(8));
  EXPECT_EQ(ValueOf(*buffer.Take(1)), 2);
  EXPECT_EQ(buffer.held_bytes(), 0);
  EXPECT_EQ(buffer.ahead_bytes(), 0);
}

TEST(ResultBuffer, HasRoomUntilTheBoundIsCrossed) {
  ResultBuffer buffer(/*keep=*/false, 2000);
  EXPECT_TRUE(buffer.WantsMore());
  buffer.Append(Batch(1), 1000);
  EXPECT_TRUE(buffer.HasRoom());
  EXPECT_FALSE(buffer.WantsMore());
  buffer.Append(Batch(2), 1000);
  EXPECT_FALSE(buffer.HasRoom());
  buffer.Take(0);
  EXPECT_TRUE(buffer.HasRoom());
  EXPECT_FALSE(buffer.WantsMore());
  buffer.Take(1);
  EXPECT_TRUE(buffer.WantsMore());
}

TEST(ResultBuffer, EmptyBatchesFillItToo) {
  ResultBuffer buffer(/*keep=*/false, 10000);
  int appended = 0;
  for (; buffer.HasRoom(); ++appended) buffer.Append(Batch(0, 0), 0);
  EXPECT_LT(appended, 100);
}

TEST(ResultBuffer, KeptBatchesCountAsAheadOfTheFurthestReaderOnly) {
  ResultBuffer buffer(/*keep=*/true, 10000);
  for (int i = 0; i < 3; ++i) buffer.Append(Batch(i), 8);
  EXPECT_EQ(ValueOf(*buffer.Take(0)), 0);
  EXPECT_EQ(ValueOf(*buffer.Take(1)), 1);
  EXPECT_EQ(buffer.ahead_bytes(), ResultBuffer::Cost(8));
  // A second reader comes later.
  EXPECT_EQ(ValueOf(*buffer.Take(0)), 0);
  EXPECT_EQ(buffer.ahead_bytes(), ResultBuffer::Cost(8));
  EXPECT_EQ(buffer.held_bytes(), 3 * ResultBuffer::Cost(8));
  EXPECT_EQ(buffer.Clear().size(), 3u);
  EXPECT_EQ(buffer.held_bytes(), 0);
}

TEST(ResultBuffer, ASliceCountsAsItself) {
  auto large = Batch(1, 1000);
  EXPECT_EQ(BatchBytes(*large), 8000);
  EXPECT_EQ(BatchBytes(*large->Slice(10, 5)), 40);
}

}  // namespace
}  // namespace longbow
