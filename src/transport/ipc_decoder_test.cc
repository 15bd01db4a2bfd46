#include "transport/ipc_decoder.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>
#include <arrow/ipc/writer.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/ipc_encoder.h>

#include "transport/unpacked_bytes.h"

namespace longbow::transport {
namespace {

using arrow::field;

FlightDataMessage ToMessage(const IpcMessage& ipc) {
  FlightDataMessage message;
  message.header = ipc.metadata;
  std::string body;
  for (const auto& part : ipc.body) {
    if (part != nullptr) body += part->ToString();
    body.resize((body.size() + 7) / 8 * 8);
  }
  // As received: aligned, and of exactly its size, so that sanitizers see what reads beyond.
  auto buffer = arrow::AllocateBuffer(static_cast<int64_t>(body.size())).ValueOrDie();
  std::copy(body.begin(), body.end(), buffer->mutable_data());
  message.body = std::move(buffer);
  return message;
}

std::vector<FlightDataMessage> Encode(const std::shared_ptr<arrow::RecordBatch>& batch,
                                      const IpcEncoderOptions& options = {}) {
  auto encoder = IpcEncoder::Make(batch->schema(), options).ValueOrDie();
  std::vector<IpcMessage> messages = {encoder->EncodeSchema().ValueOrDie()};
  EXPECT_TRUE(encoder->Encode(batch, &messages).ok());
  EXPECT_TRUE(encoder->Flush(&messages).ok());
  std::vector<FlightDataMessage> out;
  for (const IpcMessage& message : messages) out.push_back(ToMessage(message));
  return out;
}

std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::DataType>& type,
                                              const std::string& json) {
  const auto array = arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({field("a", type)}), array->length(), {array});
}

std::shared_ptr<arrow::RecordBatch> RunEndEncoded() {
  const auto ends = arrow::json::ArrayFromJSONString(arrow::int32(), "[2, 3]").ValueOrDie();
  const auto values = arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["a", "b"])").ValueOrDie();
  const auto array = arrow::RunEndEncodedArray::Make(3, ends, values).ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({field("a", array->type())}), 3, {array});
}

std::vector<std::shared_ptr<arrow::RecordBatch>> Samples() {
  const auto i8 = arrow::int8();
  return {
      OneColumn(arrow::null(), "[null, null]"),
      OneColumn(arrow::boolean(), "[true, null, false]"),
      OneColumn(arrow::int64(), "[1, null, 3]"),
      OneColumn(arrow::decimal128(10, 2), R"(["1.25", null])"),
      OneColumn(arrow::timestamp(arrow::TimeUnit::MICRO), "[1, null, 3]"),
      OneColumn(arrow::utf8(), R"(["a", null, "ccc"])"),
      OneColumn(arrow::large_utf8(), R"(["a", null, "ccc"])"),
      OneColumn(arrow::utf8_view(), R"(["a", null, "long enough to be outside"])"),
      OneColumn(arrow::fixed_size_binary(3), R"(["abc", null])"),
      OneColumn(arrow::list(arrow::utf8()), R"([["a", null], null, []])"),
      OneColumn(arrow::large_list(i8), "[[1], null, [2, 3]]"),
      OneColumn(arrow::list_view(i8), "[[1], null, [2, 3]]"),
      OneColumn(arrow::fixed_size_list(i8, 2), "[[1, 2], null]"),
      OneColumn(arrow::map(arrow::utf8(), i8), R"([[["k", 1]], null, []])"),
      OneColumn(arrow::struct_({field("x", i8), field("y", arrow::utf8())}),
                R"([{"x": 1, "y": "t"}, null])"),
      OneColumn(arrow::sparse_union({field("x", i8), field("y", arrow::utf8())}, {3, 5}),
                R"([[3, 1], [5, "t"]])"),
      OneColumn(arrow::dense_union({field("x", i8), field("y", arrow::utf8())}, {3, 5}),
                R"([[3, 1], [5, "t"]])"),
      OneColumn(arrow::dictionary(i8, arrow::utf8()), R"(["a", "b", null, "a"])"),
      OneColumn(arrow::list(arrow::dictionary(i8, arrow::utf8())), R"([["a", "b"], null])"),
      RunEndEncoded(),
  };
}

TEST(IpcDecoderTest, DecodesWhatTheEncoderMakes) {
  for (const auto compression :
       {WireCompression::kNone, WireCompression::kLz4, WireCompression::kZstd}) {
    IpcEncoderOptions options;
    options.compression = compression;
    for (const auto& batch : Samples()) {
      SCOPED_TRACE(batch->schema()->ToString());
      const auto messages = Encode(batch, options);
      IpcDecoder decoder;
      EXPECT_EQ(decoder.schema(), nullptr);
      std::shared_ptr<arrow::RecordBatch> last;
      for (const FlightDataMessage& message : messages) {
        const auto decoded = decoder.Decode(message);
        ASSERT_TRUE(decoded.ok()) << decoded.status() << ErrorDetailOf(decoded.status())->detail();
        last = *decoded;
      }
      EXPECT_TRUE(decoder.schema()->Equals(*batch->schema()));
      ASSERT_NE(last, nullptr);
      EXPECT_TRUE(last->Equals(*batch));
      // Again, with what is known of the dictionaries.
      EXPECT_TRUE(decoder.Decode(messages.back()).ok());
    }
  }
}

TEST(IpcDecoderTest, KnowsHowLargeAMessageBecomes) {
  for (const auto compression : {WireCompression::kLz4, WireCompression::kZstd}) {
    IpcEncoderOptions options;
    options.compression = compression;
    for (const auto& batch : Samples()) {
      SCOPED_TRACE(batch->schema()->ToString());
      for (const FlightDataMessage& message : Encode(batch, options)) {
        const auto unpacked =
            ReadUnpackedBytes(std::string_view(*message.header),
                              message.body == nullptr ? "" : std::string_view(*message.body));
        ASSERT_TRUE(unpacked.has_value());
        // Cut anywhere, it is read without looking beyond it.
        for (int64_t size = 0; size < message.header->size(); ++size) {
          (void)ReadUnpackedBytes(std::string_view(*message.header).substr(0, size), "");
        }
      }
    }
  }
}

TEST(IpcDecoderTest, RefusesWhatUnpacksToTooMuch) {
  constexpr int64_t kRows = 100'000;
  const auto zeros = arrow::MakeArrayFromScalar(arrow::Int64Scalar(0), kRows).ValueOrDie();
  const auto batch = arrow::RecordBatch::Make(arrow::schema({field("a", arrow::int64())}), kRows,
                                              arrow::ArrayVector{zeros});
  for (const auto compression : {WireCompression::kLz4, WireCompression::kZstd}) {
    IpcEncoderOptions options;
    options.compression = compression;
    const auto messages = Encode(batch, options);
    ASSERT_LT(messages[1].body->size(), kRows);
    const auto decode = [&](int64_t limit) {
      arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
      IpcDecoder decoder(&pool, limit);
      EXPECT_TRUE(decoder.Decode(messages[0]).ok());
      const arrow::Status status = decoder.Decode(messages[1]).status();
      if (!status.ok()) {
        EXPECT_LT(pool.max_memory(), kRows) << "it was not unpacked";
      }
      return status;
    };
    EXPECT_TRUE(decode(kRows * 8).ok());
    EXPECT_EQ(ErrorCodeOf(decode(kRows * 8 - 1)), ErrorCode::kResourceExhausted);
  }
  // What is not compressed has been counted as it came.
  IpcDecoder decoder(nullptr, 1);
  for (const auto& message : Encode(batch)) EXPECT_TRUE(decoder.Decode(message).ok());
}

TEST(UnpackedSumTest, KeepsDictionariesUntilTheyAreReplaced) {
  UnpackedSum sum(100);
  const auto dictionary = [](int64_t id, int64_t bytes, bool adds = false) {
    return UnpackedBytes{.bytes = bytes, .dictionary = id, .adds_to_dictionary = adds};
  };
  EXPECT_TRUE(sum.Take(dictionary(1, 60)));
  EXPECT_TRUE(sum.Take({.bytes = 40}));
  EXPECT_FALSE(sum.Take({.bytes = 41}));
  EXPECT_TRUE(sum.Take({.bytes = 40})) << "batches are not kept";
  EXPECT_TRUE(sum.Take(dictionary(1, 50))) << "takes the place of the old one";
  EXPECT_TRUE(sum.Take(dictionary(2, 20)));
  EXPECT_TRUE(sum.Take(dictionary(2, 20, /*adds=*/true)));
  EXPECT_FALSE(sum.Take({.bytes = 11}));
  EXPECT_FALSE(sum.Take(dictionary(2, 20, /*adds=*/true)));
  UnpackedSum huge(std::numeric_limits<int64_t>::max());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(huge.Take(dictionary(i, std::numeric_limits<int64_t>::max())), i == 0);
  }
}

TEST(IpcDecoderTest, ABatchSharesItsMessagesMemory) {
  const auto messages = Encode(OneColumn(arrow::int64(), "[1, 2, 3]"));
  IpcDecoder decoder;
  ASSERT_TRUE(decoder.Decode(messages[0]).ok());
  const auto batch = decoder.Decode(messages[1]).ValueOrDie();
  EXPECT_EQ(batch->column_data(0)->buffers[1]->data(), messages[1].body->data());
}

TEST(IpcDecoderTest, RefusesWhatIsOutOfOrder) {
  const auto messages =
      Encode(OneColumn(arrow::dictionary(arrow::int8(), arrow::utf8()), R"(["a", "b"])"));
  ASSERT_EQ(messages.size(), 3u);
  const auto code = [&](std::vector<int> order) {
    IpcDecoder decoder;
    arrow::Status status;
    for (const int i : order) status = decoder.Decode(messages[i]).status();
    return ErrorCodeOf(status);
  };
  EXPECT_EQ(code({1}), ErrorCode::kBadArgument);
  EXPECT_EQ(code({2}), ErrorCode::kBadArgument);
  EXPECT_EQ(code({0, 0}), ErrorCode::kBadArgument);
  EXPECT_EQ(code({0, 2}), ErrorCode::kBadArgument);
  IpcDecoder decoder;
  EXPECT_FALSE(decoder.Decode(FlightDataMessage{}).ok());
}

TEST(IpcDecoderTest, SeesOffsetsOutOfBounds) {
  const auto good = Encode(OneColumn(arrow::utf8(), R"(["a", "bb", "ccc", "dddd"])"));
  // The offsets are the first buffer with bytes: 0, 1, 3, 6, 10.
  for (const int32_t offset : {-1, 2000000000, 11, 7}) {
    FlightDataMessage bad = good[1];
    auto body = arrow::AllocateBuffer(bad.body->size()).ValueOrDie();
    std::copy(bad.body->data(), bad.body->data() + bad.body->size(), body->mutable_data());
    reinterpret_cast<int32_t*>(body->mutable_data())[2] = offset;
    bad.body = std::move(body);
    IpcDecoder decoder;
    ASSERT_TRUE(decoder.Decode(good[0]).ok());
    EXPECT_EQ(ErrorCodeOf(decoder.Decode(bad).status()), ErrorCode::kBadArgument) << offset;
  }
}

TEST(IpcDecoderTest, RefusesMoreRowsThanAnyoneCanHold) {
  const auto schema = arrow::schema({field("a", arrow::null())});
  IpcDecoder decoder;
  ASSERT_TRUE(decoder.Decode(Encode(OneColumn(arrow::null(), "[null]"))[0]).ok());
  // Nulls take no bytes: this message is as small as one of a single row.
  for (const int64_t rows : {int64_t{1} << 31, std::numeric_limits<int64_t>::max()}) {
    const auto batch = arrow::RecordBatch::Make(
        schema, rows, arrow::ArrayVector{std::make_shared<arrow::NullArray>(rows)});
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.allow_64bit = true;
    arrow::ipc::IpcPayload payload;
    ASSERT_TRUE(arrow::ipc::GetRecordBatchPayload(*batch, options, &payload).ok());
    FlightDataMessage message;
    message.header = payload.metadata;
    EXPECT_EQ(ErrorCodeOf(decoder.Decode(message).status()), ErrorCode::kBadArgument) << rows;
  }
}

// What gets through must be safe to use: all of it is copied and compared.
void Use(const arrow::RecordBatch& batch) {
  for (const auto& column : batch.columns()) {
    (void)column->null_count();
    (void)arrow::Concatenate({column, column});
    (void)column->Equals(column);
    (void)column->Slice(column->length() / 2)->ToString();
  }
}

TEST(IpcDecoderTest, RandomChangesBreakNothing) {
  std::minstd_rand random(11);
  int accepted = 0;
  for (const auto& batch : Samples()) {
    const auto good = Encode(batch);
    for (int round = 0; round < 400; ++round) {
      IpcDecoder decoder;
      for (FlightDataMessage message : good) {
        auto* target = random() % 2 == 0 ? &message.body : &message.header;
        if (random() % 2 == 0 && (*target)->size() > 0) {
          auto copy = arrow::AllocateBuffer((*target)->size()).ValueOrDie();
          std::copy((*target)->data(), (*target)->data() + (*target)->size(), copy->mutable_data());
          copy->mutable_data()[random() % copy->size()] = static_cast<uint8_t>(random());
          *target = std::move(copy);
        }
        const auto decoded = decoder.Decode(message);
        if (!decoded.ok()) break;
        if (*decoded != nullptr) {
          Use(**decoded);
          ++accepted;
        }
      }
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace longbow::transport
