#include "view_columns.h"

#include <gtest/gtest.h>

#include <arrow/api.h>

namespace longbow::connector {
namespace {

TEST(WithoutViews, CopiesViewsAndSharesTheRest) {
  arrow::StringViewBuilder views;
  arrow::StringBuilder texts;
  arrow::Int32Builder ints;
  for (int i = 0; i < 100; ++i) {
    const std::string text =
        i % 3 == 0 ? "short" : "a text that is not inline " + std::to_string(i);
    ASSERT_TRUE(i % 7 == 0 ? views.AppendNull().ok() : views.Append(text).ok());
    ASSERT_TRUE(i % 7 == 0 ? texts.AppendNull().ok() : texts.Append(text).ok());
    ASSERT_TRUE(ints.Append(i).ok());
  }
  auto numbers = ints.Finish().ValueOrDie();
  auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("v", arrow::utf8_view()), arrow::field("i", arrow::int32())}),
      100, {views.Finish().ValueOrDie(), numbers});
  auto expected = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("v", arrow::utf8()), arrow::field("i", arrow::int32())}), 100,
      {texts.Finish().ValueOrDie(), numbers});
  for (auto [offset, length] : {std::pair(0, 100), std::pair(13, 50), std::pair(5, 0)}) {
    auto plain =
        WithoutViews(batch->Slice(offset, length), arrow::default_memory_pool()).ValueOrDie();
    EXPECT_TRUE(plain->ValidateFull().ok());
    EXPECT_TRUE(plain->Equals(*expected->Slice(offset, length))) << plain->ToString();
    EXPECT_EQ(plain->column_data(1)->buffers[1]->data(), numbers->data()->buffers[1]->data());
  }
}

TEST(WithoutViews, LeavesOtherBatchesAlone) {
  auto batch = arrow::RecordBatch::Make(arrow::schema({}), 5, arrow::ArrayVector{});
  EXPECT_EQ(WithoutViews(batch, arrow::default_memory_pool()).ValueOrDie(), batch);
}

}  // namespace
}  // namespace longbow::connector
