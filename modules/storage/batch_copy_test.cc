#include "batch_copy.h"

#include <gtest/gtest.h>

#include <arrow/api.h>
#include <arrow/util/byte_size.h>

namespace longbow::storage {
namespace {

std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::Array>& column) {
  auto schema = arrow::schema({arrow::field("c", column->type())});
  return arrow::RecordBatch::Make(schema, column->length(), {column});
}

std::shared_ptr<arrow::Array> Ints(int64_t n) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < n; ++i) EXPECT_TRUE(builder.Append(i).ok());
  return builder.Finish().ValueOrDie();
}

template <typename Builder>
std::shared_ptr<arrow::Array> LongTexts(int64_t n) {
  Builder builder;
  for (int64_t i = 0; i < n; ++i) {
    EXPECT_TRUE(builder.Append("a text that is too long to be inline, " + std::to_string(i)).ok());
  }
  return builder.Finish().ValueOrDie();
}

TEST(ReferencedBytes, CountsTheRowsOfASliceOnly) {
  auto batch = OneColumn(Ints(1000));
  EXPECT_EQ(ReferencedBytes(*batch), 8000);
  EXPECT_EQ(ReferencedBytes(*batch->Slice(10, 5)), 40);
}

TEST(ReferencedBytes, OfViewsCountsTheValuesOfASliceOnly) {
  auto batch = OneColumn(LongTexts<arrow::StringViewBuilder>(1000));
  EXPECT_GT(ReferencedBytes(*batch), 40000);
  EXPECT_LT(ReferencedBytes(*batch->Slice(10, 5)), 500);
}

TEST(JoinBatches, CopiesExactlyTheRows) {
  auto batch = OneColumn(Ints(100'000));
  auto joined =
      JoinBatches({batch->Slice(5, 3), batch->Slice(90'000, 4)}, arrow::default_memory_pool());
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ((*joined)->num_rows(), 7);
  EXPECT_TRUE((*joined)->Slice(0, 3)->Equals(*batch->Slice(5, 3)));
  EXPECT_TRUE((*joined)->Slice(3)->Equals(*batch->Slice(90'000, 4)));
  EXPECT_LT(arrow::util::TotalBufferSize(**joined), 200);
}

TEST(JoinBatches, CopiesTheValuesOfViewsAlsoInsideOthers) {
  auto views = LongTexts<arrow::StringViewBuilder>(10'000);
  auto nested = arrow::StructArray::Make({views}, std::vector<std::string>{"v"}).ValueOrDie();
  for (const auto& column : {views, std::static_pointer_cast<arrow::Array>(nested)}) {
    auto batch = OneColumn(column)->Slice(17, 5);
    auto copy = JoinBatches({batch}, arrow::default_memory_pool());
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_TRUE((*copy)->Equals(*batch));
    EXPECT_TRUE((*copy)->ValidateFull().ok());
    int64_t capacity = 0;
    for (const auto& buffer : (*copy)->column_data(0)->buffers) {
      if (buffer != nullptr) capacity += buffer->size();
    }
    EXPECT_LT(capacity, 100'000);
  }
}

TEST(JoinBatches, JoinsRowsWithoutColumns) {
  auto batch = arrow::RecordBatch::Make(arrow::schema({}), 5, arrow::ArrayVector{});
  auto joined = JoinBatches({batch, batch}, arrow::default_memory_pool());
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ((*joined)->num_rows(), 10);
}

}  // namespace
}  // namespace longbow::storage
