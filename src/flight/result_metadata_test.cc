#include "flight/result_metadata.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

std::shared_ptr<arrow::Schema> Sales() {
  return arrow::schema(
      {arrow::field("region", arrow::utf8()),
       arrow::field("amount", arrow::int64(), true, arrow::key_value_metadata({"unit"}, {"USD"}))},
      arrow::key_value_metadata({"owner", "draft"}, {"sales", "yes"}));
}

TEST(ResultMetadata, SetsAndRemovesKeysOfSchemaAndFields) {
  ResultMetadata changes;
  changes.schema = {{"owner", "finance"}, {"draft", std::nullopt}, {"absent", std::nullopt}};
  changes.fields["amount"] = {{"unit", "EUR"}};
  changes.fields["region"] = {{"kind", "geo"}};
  auto schema = ChangeMetadata(Sales(), changes).ValueOrDie();
  EXPECT_EQ(schema->metadata()->Get("owner").ValueOrDie(), "finance");
  EXPECT_FALSE(schema->metadata()->Contains("draft"));
  EXPECT_EQ(schema->field(1)->metadata()->Get("unit").ValueOrDie(), "EUR");
  EXPECT_EQ(schema->field(0)->metadata()->Get("kind").ValueOrDie(), "geo");
}

TEST(ResultMetadata, NamesTheFieldThatIsNotThere) {
  ResultMetadata changes;
  changes.fields["amuont"] = {{"unit", "EUR"}};
  auto status = ChangeMetadata(Sales(), changes).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_NE(status.message().find("amuont"), std::string::npos);
}

TEST(ResultMetadata, ReadsBatchesUnderTheChangedSchema) {
  auto batch = arrow::RecordBatch::MakeEmpty(Sales()).ValueOrDie();
  auto reader = arrow::RecordBatchReader::Make({batch}).ValueOrDie();
  struct Owner : arrow::RecordBatchReader {
    explicit Owner(std::shared_ptr<arrow::RecordBatchReader> r) : inner(std::move(r)) {}
    std::shared_ptr<arrow::Schema> schema() const override { return inner->schema(); }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
      return inner->ReadNext(out);
    }
    std::shared_ptr<arrow::RecordBatchReader> inner;
  };
  ResultMetadata changes;
  changes.schema = {{"owner", "finance"}};
  auto changed = ChangeMetadata(std::make_unique<Owner>(reader), changes).ValueOrDie();
  auto read = changed->Next().ValueOrDie();
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->schema()->metadata()->Get("owner").ValueOrDie(), "finance");
  EXPECT_EQ(changed->Next().ValueOrDie(), nullptr);
}

}  // namespace
}  // namespace longbow::flight
