#include <longbow/ipc_encoder.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/ipc/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

#include "base/ipc_encoder_size.h"

namespace longbow {
namespace {

constexpr int64_t kMiB = 1 << 20;

std::shared_ptr<arrow::Array> FromJson(const std::shared_ptr<arrow::DataType>& type,
                                       const std::string& json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::Array>& array) {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("a", array->type())}),
                                  array->length(), {array});
}

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t rows, int64_t first = 0) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < rows; ++i) {
    EXPECT_TRUE(i % 5 == 0 ? builder.AppendNull().ok() : builder.Append(first + i).ok());
  }
  return OneColumn(builder.Finish().ValueOrDie());
}

template <typename Builder>
std::shared_ptr<arrow::RecordBatch> Texts(int64_t rows, int64_t bytes_each) {
  Builder builder;
  for (int64_t i = 0; i < rows; ++i) {
    std::string text = std::to_string(i);
    text.resize(bytes_each, 'x');
    EXPECT_TRUE(builder.Append(text).ok());
  }
  return OneColumn(builder.Finish().ValueOrDie());
}

// Reads messages as a client does.
class Queue final : public arrow::ipc::MessageReader {
 public:
  explicit Queue(const std::vector<IpcMessage>& messages) : messages_(messages) {}
  arrow::Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    if (next_ == messages_.size()) return std::unique_ptr<arrow::ipc::Message>();
    const IpcMessage& message = messages_[next_++];
    std::string body;
    for (const auto& part : message.body) {
      if (part == nullptr) continue;
      body += part->ToString();
      body.resize((body.size() + 7) / 8 * 8);
    }
    EXPECT_EQ(static_cast<int64_t>(body.size()), message.body_bytes);
    return arrow::ipc::Message::Open(message.metadata, arrow::Buffer::FromString(std::move(body)));
  }

 private:
  const std::vector<IpcMessage> messages_;
  size_t next_ = 0;
};

std::shared_ptr<arrow::Table> ReadAll(const std::vector<IpcMessage>& messages) {
  auto reader =
      arrow::ipc::RecordBatchStreamReader::Open(std::make_unique<Queue>(messages)).ValueOrDie();
  auto table = reader->ToTable().ValueOrDie();
  EXPECT_TRUE(table->ValidateFull().ok());
  return table;
}

std::vector<IpcMessage> EncodeAll(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                                  const IpcEncoderOptions& options = {}) {
  auto encoder = IpcEncoder::Make(batches[0]->schema(), options).ValueOrDie();
  std::vector<IpcMessage> messages;
  messages.push_back(encoder->EncodeSchema().ValueOrDie());
  for (const auto& batch : batches) {
    const arrow::Status status = encoder->Encode(batch, &messages);
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(encoder->Flush(&messages).ok());
  return messages;
}

// The messages of batches; with them goes the check that they hold what went in.
std::vector<IpcMessage> RoundTrip(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                                  const IpcEncoderOptions& options = {}) {
  std::vector<IpcMessage> messages = EncodeAll(batches, options);
  const auto want = arrow::Table::FromRecordBatches(batches).ValueOrDie();
  const auto got = ReadAll(messages);
  EXPECT_TRUE(got->Equals(*want, /*check_metadata=*/true)) << got->ToString() << "\n\nwas\n\n"
                                                           << want->ToString();
  int64_t rows = 0;
  for (const IpcMessage& message : messages) rows += message.rows;
  EXPECT_EQ(rows, want->num_rows());
  return messages;
}

TEST(IpcEncoderTest, JoinsSmallBatches) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int64_t i = 0; i < 300; ++i) batches.push_back(Numbers(2048, i * 2048));
  const auto messages = RoundTrip(batches);
  ASSERT_GE(messages.size(), 4u);
  for (size_t i = 1; i + 1 < messages.size(); ++i) {
    EXPECT_GE(messages[i].body_bytes, kMiB * 3 / 4);
    EXPECT_LE(messages[i].body_bytes, kMiB * 3 / 2);
  }
}

TEST(IpcEncoderTest, SplitsLargeBatchesWithoutCopying) {
  const auto batch = Numbers(1000003);
  const auto messages = RoundTrip({batch});
  EXPECT_GE(messages.size(), 8u);
  const auto& source = batch->column_data(0)->buffers[1];
  for (size_t i = 1; i < messages.size(); ++i) {
    EXPECT_LE(messages[i].body_bytes, kMiB * 3 / 2);
    const auto& values = messages[i].body[1];
    EXPECT_GE(values->data(), source->data());
    EXPECT_LE(values->data() + values->size(), source->data() + source->size());
  }
}

TEST(IpcEncoderTest, ASmallBatchAloneIsNotCopied) {
  const auto batch = Numbers(2048);
  const auto messages = RoundTrip({batch});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].body[1]->data(), batch->column_data(0)->buffers[1]->data());
}

TEST(IpcEncoderTest, KeepsWhatIsNearTheTargetWhole) {
  EXPECT_EQ(RoundTrip({Numbers(kMiB / 8 + 1000)}).size(), 2u);
}

TEST(IpcEncoderTest, SlicesDoNotDragTheirParentsAlong) {
  const auto check = [](const std::shared_ptr<arrow::RecordBatch>& parent) {
    const auto slice = parent->Slice(1001, 50);
    const auto messages = RoundTrip({slice});
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_LE(messages[1].body_bytes, 50 * 200) << parent->schema()->ToString();
    EXPECT_LE(WireBytes(*slice), 50 * 200);
  };
  check(Texts<arrow::StringBuilder>(20000, 100));
  check(Texts<arrow::LargeStringBuilder>(20000, 100));
  check(Texts<arrow::StringViewBuilder>(20000, 100));
  check(Texts<arrow::BinaryViewBuilder>(20000, 100));
  check(Numbers(20000));
}

TEST(IpcEncoderTest, SlicesOfNestedTypesDoNotDragTheirParentsAlong) {
  for (const auto& value_type : {arrow::utf8(), arrow::utf8_view()}) {
    std::string json = "[";
    for (int i = 0; i < 20000; ++i) {
      json += (i > 0 ? ",[\"" : "[\"") + std::string(50, 'x') + std::to_string(i) + "\", null]";
    }
    const auto lists = FromJson(arrow::list(value_type), json + "]");
    const auto structs =
        arrow::StructArray::Make({lists}, {arrow::field("l", lists->type())}).ValueOrDie();
    for (const auto& array : std::vector<std::shared_ptr<arrow::Array>>{lists, structs}) {
      const auto messages = RoundTrip({OneColumn(array)->Slice(1001, 50)});
      ASSERT_EQ(messages.size(), 2u);
      EXPECT_LE(messages[1].body_bytes, 50 * 200) << array->type()->ToString();
    }
  }
}

TEST(IpcEncoderTest, SplitsViewsByWhatTheyReferTo) {
  const auto messages = RoundTrip({Texts<arrow::StringViewBuilder>(100000, 100)});
  EXPECT_GE(messages.size(), 9u);
  for (const IpcMessage& message : messages) EXPECT_LE(message.body_bytes, 2 * kMiB);
}

TEST(IpcEncoderTest, SplitsWhereRowsDifferInSize) {
  arrow::StringBuilder builder;
  for (int i = 0; i < 10000; ++i) {
    ASSERT_TRUE(builder.Append(std::string(i / 100 == 50 ? 200000 : 3, 'x')).ok());
  }
  for (const IpcMessage& message : RoundTrip({OneColumn(builder.Finish().ValueOrDie())})) {
    EXPECT_LE(message.body_bytes, 2 * kMiB);
  }
}

TEST(IpcEncoderTest, ALargeRowIsAMessageOfItsOwn) {
  const auto messages = RoundTrip({Texts<arrow::StringBuilder>(3, 5 * kMiB)});
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_GE(messages[1].body_bytes, 5 * kMiB);
}

TEST(IpcEncoderTest, MessagesOutliveEverything) {
  std::vector<IpcMessage> messages;
  {
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches = {Numbers(10), Numbers(300000)};
    messages = EncodeAll(batches);
  }
  EXPECT_EQ(ReadAll(messages)->num_rows(), 300010);
}

TEST(IpcEncoderTest, EmptyStreamsAndEmptyBatches) {
  EXPECT_EQ(RoundTrip({Numbers(0)}).size(), 1u);
  EXPECT_EQ(RoundTrip({Numbers(0), Numbers(3), Numbers(0)}).size(), 2u);
}

TEST(IpcEncoderTest, BatchesWithoutColumns) {
  const auto batch = arrow::RecordBatch::Make(arrow::schema(arrow::FieldVector{}), 7,
                                              std::vector<std::shared_ptr<arrow::Array>>{});
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches(3000, batch);
  int64_t rows = 0;
  const auto messages = EncodeAll(batches);
  for (const IpcMessage& message : messages) rows += message.rows;
  EXPECT_EQ(rows, 21000);
  EXPECT_LE(messages.size(), 5u);
}

TEST(IpcEncoderTest, RefusesABatchOfAnotherSchema) {
  auto encoder = IpcEncoder::Make(Numbers(1)->schema()).ValueOrDie();
  std::vector<IpcMessage> out;
  const arrow::Status status = encoder->Encode(Texts<arrow::StringBuilder>(1, 1), &out);
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
}

TEST(IpcEncoderTest, AllLayouts) {
  using arrow::field;
  const auto i8 = arrow::int8();
  const std::vector<std::pair<std::shared_ptr<arrow::DataType>, std::string>> cases = {
      {arrow::null(), "[null, null, null]"},
      {arrow::boolean(), "[true, null, false]"},
      {arrow::decimal128(10, 2), R"(["1.25", null, "3.50"])"},
      {arrow::fixed_size_binary(3), R"(["abc", null, "def"])"},
      {arrow::list(i8), "[[1, 2], null, []]"},
      {arrow::large_list(arrow::utf8()), R"([["a", null], null, ["ccc"]])"},
      {arrow::fixed_size_list(i8, 2), "[[1, 2], null, [3, 4]]"},
      {arrow::list_view(i8), "[[1, 2], null, [7]]"},
      {arrow::map(arrow::utf8(), i8), R"([[["k", 1]], null, []])"},
      {arrow::struct_({field("x", i8), field("y", arrow::utf8_view())}),
       R"([{"x": 1, "y": "a long text, not inline"}, null, {"x": null, "y": "s"}])"},
      {arrow::sparse_union({field("x", i8), field("y", arrow::utf8())}, {3, 5}),
       R"([[3, 1], [5, "t"], [3, null]])"},
      {arrow::dense_union({field("x", i8), field("y", arrow::utf8())}, {3, 5}),
       R"([[3, 1], [5, "t"], [3, null]])"},
  };
  for (const auto& [type, json] : cases) {
    SCOPED_TRACE(type->ToString());
    const auto batch = OneColumn(FromJson(type, json));
    RoundTrip({batch});
    RoundTrip({batch->Slice(1, 2), batch->Slice(0, 1), batch->Slice(2, 1)});
    IpcEncoderOptions tiny;
    tiny.target_bytes = 1;
    RoundTrip({batch, batch->Slice(1)}, tiny);
  }
}

TEST(IpcEncoderTest, Compresses) {
  const auto batch = Texts<arrow::StringBuilder>(20000, 40);
  const int64_t plain = RoundTrip({batch})[1].body_bytes;
  for (const auto compression : {WireCompression::kLz4, WireCompression::kZstd}) {
    IpcEncoderOptions options;
    options.compression = compression;
    const auto messages = RoundTrip({batch}, options);
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_LT(messages[1].body_bytes, plain / 2);
  }
}

// Dictionaries -----------------------------------------------------------------------------------

std::shared_ptr<arrow::RecordBatch> Encoded(const std::string& indices,
                                            const std::string& dictionary) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  return OneColumn(arrow::DictionaryArray::FromArrays(type, FromJson(arrow::int8(), indices),
                                                      FromJson(arrow::utf8(), dictionary))
                       .ValueOrDie());
}

// As joined values: readers and writers may order dictionaries as they like.
std::shared_ptr<arrow::ChunkedArray> Values(const arrow::Table& table) {
  arrow::ArrayVector chunks;
  for (const auto& chunk : table.column(0)->chunks()) {
    if (chunk->type_id() != arrow::Type::DICTIONARY) {
      chunks.push_back(chunk);
      continue;
    }
    const auto& encoded = static_cast<const arrow::DictionaryArray&>(*chunk);
    arrow::StringBuilder builder;
    for (int64_t i = 0; i < encoded.length(); ++i) {
      const auto& values = static_cast<const arrow::StringArray&>(*encoded.dictionary());
      const bool null = encoded.IsNull(i) || values.IsNull(encoded.GetValueIndex(i));
      EXPECT_TRUE(null ? builder.AppendNull().ok()
                       : builder.Append(values.GetView(encoded.GetValueIndex(i))).ok());
    }
    chunks.push_back(builder.Finish().ValueOrDie());
  }
  return std::make_shared<arrow::ChunkedArray>(chunks, arrow::utf8());
}

void ExpectValues(const std::vector<IpcMessage>& messages, const std::string& json) {
  const auto want = std::make_shared<arrow::ChunkedArray>(FromJson(arrow::utf8(), json));
  const auto got = Values(*ReadAll(messages));
  EXPECT_TRUE(got->Equals(*want)) << got->ToString();
}

TEST(IpcEncoderTest, DictionariesGrowAndAreReplaced) {
  IpcEncoderOptions each;
  each.target_bytes = 1;  // a message for each batch
  const std::vector<std::shared_ptr<arrow::RecordBatch>> batches = {
      Encoded("[0, 1, null]", R"(["a", "b"])"), Encoded("[1, 0]", R"(["a", "b"])"),
      Encoded("[2]", R"(["a", "b", "c"])"), Encoded("[0, 0]", R"(["z"])")};
  const auto messages = EncodeAll(batches, each);
  ExpectValues(messages, R"(["a", "b", null, "b", "a", "c", "z", "z"])");
  int dictionaries = 0;
  for (size_t i = 1; i < messages.size(); ++i) dictionaries += messages[i].rows == 0 ? 1 : 0;
  EXPECT_EQ(dictionaries, 3);  // first, delta, replacement
  EXPECT_EQ(messages[1].rows, 0);
}

TEST(IpcEncoderTest, JoinsBatchesOfDifferentDictionaries) {
  const auto messages = EncodeAll({Encoded("[0, 1, null]", R"(["a", "b"])"),
                                   Encoded("[0]", R"(["c"])"), Encoded("[1]", R"(["c", "a"])")});
  EXPECT_EQ(messages.size(), 3u);
  ExpectValues(messages, R"(["a", "b", null, "c", "a"])");
}

TEST(IpcEncoderTest, BatchesWhoseDictionariesCannotBeJoinedGoAlone) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::string want = "[";
  for (int batch = 0; batch < 3; ++batch) {  // 300 values do not fit int8
    std::string dictionary = "[";
    for (int i = 0; i < 100; ++i) {
      dictionary += (i > 0 ? ",\"" : "\"") + std::to_string(batch * 100 + i) + "\"";
    }
    batches.push_back(Encoded("[99, 0]", dictionary + "]"));
    want += (batch > 0 ? ",\"" : "\"") + std::to_string(batch * 100 + 99) + "\",\"" +
            std::to_string(batch * 100) + "\"";
  }
  ExpectValues(EncodeAll(batches), want + "]");
}

TEST(IpcEncoderTest, DecodesDictionaries) {
  IpcEncoderOptions options;
  options.decode_dictionaries = true;
  const auto batch = Encoded("[0, 1, null, 1]", R"(["a", "b"])");
  auto encoder = IpcEncoder::Make(batch->schema(), options).ValueOrDie();
  EXPECT_TRUE(encoder->wire_schema()->field(0)->type()->Equals(arrow::utf8()));
  const auto messages = EncodeAll({batch->Slice(1), Encoded("[0]", R"(["c"])")}, options);
  EXPECT_EQ(messages.size(), 2u);
  ExpectValues(messages, R"(["b", null, "b", "c"])");
}

TEST(IpcEncoderTest, DecodesNestedDictionaries) {
  IpcEncoderOptions options;
  options.decode_dictionaries = true;
  const auto encoded = Encoded("[0, 1, null, 1]", R"(["a", "b"])")->column(0);
  const auto structs =
      arrow::StructArray::Make({encoded}, {arrow::field("d", encoded->type())}).ValueOrDie();
  const auto lists =
      arrow::ListArray::FromArrays(*FromJson(arrow::int32(), "[0, 1, 4]"), *structs).ValueOrDie();
  const auto got = ReadAll(EncodeAll({OneColumn(lists)->Slice(1)}, options));
  const auto type = arrow::list(arrow::struct_({arrow::field("d", arrow::utf8())}));
  const auto want = FromJson(type, R"([[{"d": "b"}, {"d": null}, {"d": "b"}]])");
  EXPECT_TRUE(got->column(0)->chunk(0)->Equals(want)) << got->ToString();
}

TEST(IpcEncoderTest, DecodedTextsThatBecomeLargeAreSplit) {
  IpcEncoderOptions options;
  options.decode_dictionaries = true;
  const std::string text(100000, 'x');
  arrow::Int8Builder indices;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(indices.Append(0).ok());
  const auto batch =
      OneColumn(arrow::DictionaryArray::FromArrays(arrow::dictionary(arrow::int8(), arrow::utf8()),
                                                   indices.Finish().ValueOrDie(),
                                                   FromJson(arrow::utf8(), "[\"" + text + "\"]"))
                    .ValueOrDie());
  const auto messages = EncodeAll({batch}, options);
  EXPECT_GE(messages.size(), 90u);
  for (const IpcMessage& message : messages) EXPECT_LE(message.body_bytes, 2 * kMiB);
}

}  // namespace
}  // namespace longbow
