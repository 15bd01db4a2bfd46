#include "task/result_buffer.h"

#include <arrow/json/from_string.h>

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

TEST(ResultBuffer, CountsTheBytesOfEachType) {
  auto bytes = [](const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
    auto column = *arrow::json::ArrayFromJSONString(type, json);
    auto schema = arrow::schema({arrow::field("x", type)});
    return BatchBytes(*arrow::RecordBatch::Make(schema, column->length(), {column}));
  };
  EXPECT_EQ(bytes(arrow::boolean(), "[true, false, true]"), 1);
  EXPECT_EQ(bytes(arrow::int32(), "[1, 2, null]"), 1 + 12);
  EXPECT_EQ(bytes(arrow::decimal128(10, 2), R"(["1.00"])"), 16);
  EXPECT_EQ(bytes(arrow::utf8(), R"(["abc", "d"])"), 12 + 4);
  EXPECT_EQ(bytes(arrow::large_binary(), R"(["abc", "d"])"), 24 + 4);
  EXPECT_EQ(bytes(arrow::utf8(), "[]"), 0);
  EXPECT_EQ(bytes(arrow::null(), "[null, null]"), 0);
  EXPECT_GE(bytes(arrow::list(arrow::int64()), "[[1, 2, 3], [4]]"), 32);
  EXPECT_GE(bytes(arrow::dictionary(arrow::int32(), arrow::utf8()), R"(["abc", "abc"])"), 8 + 3);
}

}  // namespace
}  // namespace longbow
