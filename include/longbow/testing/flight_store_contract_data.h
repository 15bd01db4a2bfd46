/// \file
/// Of the suite in flight_store_contract.h: what is read back is bit for bit what was put.
#pragma once

#include <arrow/json/from_string.h>

#include <longbow/testing/flight_store_contract.h>

namespace longbow::testing {

inline arrow::RecordBatchVector FlightStoreContract::OneOf(
    const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
  auto array = arrow::json::ArrayFromJSONString(type, json);
  EXPECT_TRUE(array.ok()) << type->ToString() << ": " << array.status().ToString();
  auto schema = arrow::schema({arrow::field("x", type)});
  return {arrow::RecordBatch::Make(schema, (*array)->length(), {*array})};
}

TEST_P(FlightStoreContract, ReadsBackEveryType) {
  using namespace arrow;  // NOLINT(google-build-using-namespace): its types' factory functions
  const std::vector<std::pair<std::shared_ptr<DataType>, std::string>> kCases = {
      {null(), "[null, null]"},
      {boolean(), "[true, null, false, true, true, false, null, true, true]"},
      {int8(), "[1, null, -128]"},
      {uint64(), "[18446744073709551615, null, 0]"},
      {float32(), "[1.5, null, -0.0, NaN, Inf]"},
      {float64(), "[1.5, null, -0.0, NaN, -Inf]"},
      {decimal128(20, 3), R"(["1.234", null, "-99999999999999999.999"])"},
      {date32(), "[0, null, -1]"},
      {timestamp(TimeUnit::MICRO, "Europe/Berlin"), "[0, null, 1767225600000000]"},
      {duration(TimeUnit::NANO), "[0, null, -5]"},
      {month_day_nano_interval(), "[[1, 2, 3], null, [-1, -2, -3]]"},
      {utf8(),
       "[\"\", null, \"a\", \"\xC3\xA4\xF0\x9F\x98\x80\", \"a longer text than a view holds\"]"},
      {large_utf8(), R"(["", null, "abc"])"},
      {utf8_view(), R"(["", null, "short", "a longer text than a view holds"])"},
      {binary(), R"(["", null, "abc"])"},
      {binary_view(), R"(["", null, "a longer value than a view holds"])"},
      {fixed_size_binary(3), R"(["abc", null, "def"])"},
      {list(int32()), "[[1, 2], null, [], [3, null]]"},
      {large_list(utf8()), R"([["a"], null, [], ["b", null]])"},
      {fixed_size_list(int16(), 2), "[[1, 2], null, [3, null]]"},
      {struct_({field("a", int64()), field("b", list(utf8()))}),
       R"([{"a": 1, "b": ["x", null]}, null, {"a": null, "b": []}, {"a": 4, "b": null}])"},
      {list(struct_({field("k", utf8()), field("v", list(float64()))})),
       R"([[{"k": "a", "v": [1.5]}], null, [], [null, {"k": null, "v": null}]])"},
      {map(utf8(), int32()), R"([[["a", 1], ["b", null]], null, []])"},
      {dense_union({field("i", int32()), field("s", utf8())}), R"([[0, 1], [1, "a"], [0, null]])"},
      {sparse_union({field("i", int32()), field("s", utf8())}), R"([[0, 1], [1, "a"], [1, null]])"},
      {dictionary(int8(), utf8()), R"(["a", null, "b", "a"])"},
  };
  for (const auto& [type, json] : kCases) {
    SCOPED_TRACE(type->ToString());
    FlightPath path = Path("types/" + std::to_string(static_cast<int>(type->id())));
    RecordBatchVector batches = OneOf(type, json);
    int64_t rows = batches[0]->num_rows();
    // Slices too: offsets that are no multiples of eight, and ends that cut.
    batches.push_back(batches[0]->Slice(1, rows - 1));
    batches.push_back(batches[0]->Slice(0, rows - 1));
    batches.push_back(batches[0]->Slice(rows));
    ASSERT_TRUE(Put(path, batches, {IfExists::kReplace}).ok());
    ExpectHolds(path, batches);
  }
}

TEST_P(FlightStoreContract, ReadsBackRunEnds) {
  auto ends = arrow::json::ArrayFromJSONString(arrow::int32(), "[2, 3, 7]").ValueOrDie();
  auto values = arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["a", null, "b"])").ValueOrDie();
  std::shared_ptr<arrow::Array> array =
      arrow::RunEndEncodedArray::Make(7, ends, values).ValueOrDie();
  auto schema = arrow::schema({arrow::field("x", array->type())});
  arrow::RecordBatchVector batches = {arrow::RecordBatch::Make(schema, 7, {array})};
  batches.push_back(batches[0]->Slice(1, 4));
  ASSERT_TRUE(Put(Path("runs"), batches).ok());
  ExpectHolds(Path("runs"), batches);
}

TEST_P(FlightStoreContract, ReadsBackBatchesThatBringDictionariesOfTheirOwn) {
  auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  arrow::RecordBatchVector batches = OneOf(type, R"(["a", "b", "a"])");
  batches.push_back(OneOf(type, R"(["c", "a", null])").at(0));
  batches.push_back(OneOf(type, R"(["a", "b", "d"])").at(0));
  ASSERT_TRUE(Put(Path("d"), batches).ok());
  std::shared_ptr<const StoredFlight> flight = store_->Find(Path("d"));
  ASSERT_NE(flight, nullptr);
  auto expected = arrow::Table::FromRecordBatches(batches).ValueOrDie();
  ExpectSameRows(*ReadAll(flight), *expected);
  ExpectSameRows(*DecodeAll(flight), *expected);
}

TEST_P(FlightStoreContract, KeepsMetadataOfSchemaAndFields) {
  auto schema = arrow::schema({arrow::field("a", arrow::int32(), /*nullable=*/false,
                                            arrow::key_value_metadata({{"unit", "EUR"}}))},
                              arrow::key_value_metadata({{"owner", "finance"}}));
  auto array = arrow::json::ArrayFromJSONString(arrow::int32(), "[1, 2]").ValueOrDie();
  arrow::RecordBatchVector batches = {arrow::RecordBatch::Make(schema, 2, {array})};
  ASSERT_TRUE(Put(Path("m"), batches).ok());
  ExpectHolds(Path("m"), batches);
}

TEST_P(FlightStoreContract, StoresFlightsWithoutRowsOrColumns) {
  {
    auto put = Begin("no/batches");
    StoredFlightInfo info = put->Commit().ValueOrDie();
    EXPECT_EQ(info.rows, 0);
  }
  ExpectHolds(Path("no/batches"), {Numbers(0, 0)});
  ASSERT_TRUE(Put(Path("no/rows"), {Numbers(0, 0), Numbers(0, 0)}).ok());
  ExpectHolds(Path("no/rows"), {Numbers(0, 0)});

  auto none = arrow::schema({});
  arrow::RecordBatchVector rows_only = {arrow::RecordBatch::Make(none, 5, arrow::ArrayVector()),
                                        arrow::RecordBatch::Make(none, 7, arrow::ArrayVector())};
  ASSERT_TRUE(Put(Path("no/columns"), rows_only).ok());
  std::shared_ptr<const StoredFlight> flight = store_->Find(Path("no/columns"));
  EXPECT_EQ(flight->info().rows, 12);
  int64_t rows = 0;
  auto reader = flight->Open().ValueOrDie();
  while (auto batch = reader->Next().ValueOrDie()) rows += batch->num_rows();
  EXPECT_EQ(rows, 12);
  StoredMessageReader messages(flight);
  while (messages.ReadNextMessage().ValueOrDie() != nullptr) {
  }
  EXPECT_EQ(messages.rows(), 12);
}

TEST_P(FlightStoreContract, JoinsSmallBatchesAndSplitsLargeOnes) {
  arrow::RecordBatchVector small;
  for (int64_t i = 0; i < 1000; ++i) small.push_back(Numbers(i * 10, 10));
  ASSERT_TRUE(Put(Path("small"), small).ok());
  EXPECT_LE(store_->Find(Path("small"))->message_count(), 10);
  ExpectHolds(Path("small"), small);

  arrow::RecordBatchVector large = {Noise(16 * kMiB)};
  ASSERT_TRUE(Put(Path("large"), large).ok());
  auto messages = StoredMessageReader(store_->Find(Path("large")));
  while (messages.ReadNextMessage().ValueOrDie() != nullptr) {
  }
  EXPECT_LE(messages.max_body_bytes(), 4 * kMiB);
  EXPECT_LE(store_->Find(Path("large"))->message_count(), 70);
  ExpectHolds(Path("large"), large);
}

TEST_P(FlightStoreContract, MessagesAreThoseOfTheFlight) {
  ASSERT_TRUE(Put(Path("a"), {Numbers(0, 10)}).ok());
  std::shared_ptr<const StoredFlight> flight = store_->Find(Path("a"));
  EXPECT_GE(flight->message_count(), 2);
  EXPECT_EQ(flight->message(0).ValueOrDie()->rows, 0) << "the schema comes first";
  EXPECT_FALSE(flight->message(-1).ok());
  EXPECT_FALSE(flight->message(flight->message_count()).ok());
}

}  // namespace longbow::testing
