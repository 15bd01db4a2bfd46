/// \file
/// The suite that every implementation of `FlightStore` passes. In one .cc file of a test program:
///
///     INSTANTIATE_TEST_SUITE_P(
///         MyStore, longbow::testing::FlightStoreContract,
///         ::testing::Values([](const longbow::testing::FlightStoreSetup& setup) {
///           return std::shared_ptr<longbow::FlightStore>(MakeMyStore(setup.clock, ...));
///         }));
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/flight_store.h>
#include <longbow/testing/fake_clock.h>

namespace longbow::testing {

/// What a store is made with. The clock outlives it.
struct FlightStoreSetup {
  const Clock* clock;
  /// The limit that must hold; also of flights that were deleted and that somebody still reads.
  int64_t limit_bytes;
};

/// Makes an empty store.
using FlightStoreFactory = std::function<std::shared_ptr<FlightStore>(const FlightStoreSetup&)>;

/// The messages of a stored flight, for Arrow's own reader.
class StoredMessageReader : public arrow::ipc::MessageReader {
 public:
  explicit StoredMessageReader(std::shared_ptr<const StoredFlight> flight)
      : flight_(std::move(flight)) {}

  arrow::Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    if (next_ == flight_->message_count()) return std::unique_ptr<arrow::ipc::Message>();
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<const IpcMessage> message, flight_->message(next_++));
    arrow::BufferBuilder body;
    for (const std::shared_ptr<arrow::Buffer>& part : message->body) {
      if (part == nullptr || part->size() == 0) continue;
      ARROW_RETURN_NOT_OK(body.Append(part->data(), part->size()));
      int64_t padding = (8 - part->size() % 8) % 8;
      ARROW_RETURN_NOT_OK(body.Append("\0\0\0\0\0\0\0", padding));
    }
    EXPECT_EQ(body.length(), message->body_bytes) << "message " << next_ - 1;
    max_body_bytes_ = std::max(max_body_bytes_, body.length());
    rows_ += message->rows;
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, body.Finish());
    return arrow::ipc::Message::Open(message->metadata, std::move(buffer));
  }

  int64_t rows() const { return rows_; }
  int64_t max_body_bytes() const { return max_body_bytes_; }

 private:
  std::shared_ptr<const StoredFlight> flight_;
  int64_t next_ = 0;
  int64_t rows_ = 0;
  int64_t max_body_bytes_ = 0;
};

class FlightStoreContract : public ::testing::TestWithParam<FlightStoreFactory> {
 protected:
  static constexpr int64_t kNoLimit = int64_t{1} << 32;
  static constexpr int64_t kMiB = int64_t{1} << 20;

  void SetUp() override { MakeStore(kNoLimit); }
  void MakeStore(int64_t limit_bytes) {
    store_.reset();
    store_ = GetParam()(FlightStoreSetup{&clock_, limit_bytes});
    ASSERT_NE(store_, nullptr);
  }

  static FlightPath Path(std::string_view text) { return FlightPath::Parse(text).ValueOrDie(); }

  static std::shared_ptr<arrow::Schema> NumberSchema() {
    return arrow::schema({arrow::field("n", arrow::int64())});
  }
  static std::shared_ptr<arrow::RecordBatch> Numbers(int64_t first, int64_t count) {
    arrow::Int64Builder builder;
    EXPECT_TRUE(builder.Reserve(count).ok());
    for (int64_t i = 0; i < count; ++i) builder.UnsafeAppend(first + i);
    return arrow::RecordBatch::Make(NumberSchema(), count, {builder.Finish().ValueOrDie()});
  }
  /// `bytes` bytes that no compression makes smaller.
  static std::shared_ptr<arrow::RecordBatch> Noise(int64_t bytes) {
    std::mt19937_64 random(static_cast<uint64_t>(bytes));
    arrow::Int64Builder builder;
    EXPECT_TRUE(builder.Reserve(bytes / 8).ok());
    for (int64_t i = 0; i < bytes / 8; ++i) builder.UnsafeAppend(static_cast<int64_t>(random()));
    return arrow::RecordBatch::Make(NumberSchema(), bytes / 8, {builder.Finish().ValueOrDie()});
  }

  struct How {
    IfExists if_exists = IfExists::kError;
    std::optional<int64_t> ttl_sec = std::nullopt;
  };
  arrow::Result<std::unique_ptr<FlightPut>> Begin(const FlightPath& path, How how) {
    return store_->BeginPut({path, NumberSchema(), how.if_exists, how.ttl_sec});
  }
  /// Begins a put of numbers; it must not fail.
  std::unique_ptr<FlightPut> Begin(std::string_view path) {
    return Begin(Path(path), How()).ValueOrDie();
  }
  arrow::Result<StoredFlightInfo> Put(const FlightPath& path,
                                      const arrow::RecordBatchVector& batches, How how) {
    ARROW_ASSIGN_OR_RAISE(
        auto put, store_->BeginPut({path, batches.at(0)->schema(), how.if_exists, how.ttl_sec}));
    for (const auto& batch : batches) {
      ARROW_RETURN_NOT_OK(put->Append(batch));
    }
    return put->Commit();
  }
  arrow::Result<StoredFlightInfo> Put(const FlightPath& path,
                                      const arrow::RecordBatchVector& batches) {
    return Put(path, batches, How());
  }

  static std::shared_ptr<arrow::Table> ReadAll(const std::shared_ptr<const StoredFlight>& flight) {
    auto reader = flight->Open();
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    auto table = (*reader)->ToTable();
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return *table;
  }
  /// The same through the messages.
  static std::shared_ptr<arrow::Table> DecodeAll(
      const std::shared_ptr<const StoredFlight>& flight) {
    auto owned = std::make_unique<StoredMessageReader>(flight);
    StoredMessageReader* messages = owned.get();  // lives as long as `reader`
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(std::move(owned));
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    auto batches = (*reader)->ToRecordBatches();
    EXPECT_TRUE(batches.ok()) << batches.status().ToString();
    for (const auto& batch : *batches) {
      EXPECT_TRUE(batch->ValidateFull().ok());
    }
    EXPECT_EQ(messages->rows(), flight->info().rows);
    return arrow::Table::FromRecordBatches((*reader)->schema(), *batches).ValueOrDie();
  }

  /// Reads the flight both ways, and compares with `batches`, row for row.
  void ExpectHolds(const FlightPath& path, const arrow::RecordBatchVector& batches) {
    std::shared_ptr<const StoredFlight> flight = store_->Find(path);
    ASSERT_NE(flight, nullptr);
    std::shared_ptr<arrow::Schema> schema = batches.at(0)->schema();
    auto expected = arrow::Table::FromRecordBatches(schema, batches).ValueOrDie();
    EXPECT_TRUE(flight->info().schema->Equals(*schema, /*check_metadata=*/true));
    EXPECT_EQ(flight->info().rows, expected->num_rows());
    for (const auto& table : {ReadAll(flight), DecodeAll(flight)}) {
      EXPECT_TRUE(table->schema()->Equals(*schema, /*check_metadata=*/true))
          << table->schema()->ToString(true) << "\n"
          << schema->ToString(true);
      ExpectSameRows(*table, *expected);
    }
  }

  static void ExpectSameRows(const arrow::Table& is, const arrow::Table& expected) {
    ASSERT_TRUE(is.ValidateFull().ok());
    ASSERT_EQ(is.num_rows(), expected.num_rows());
    ASSERT_EQ(is.num_columns(), expected.num_columns());
    for (int i = 0; i < expected.num_columns(); ++i) {
      if (expected.field(i)->type()->id() == arrow::Type::DICTIONARY) {
        ExpectSameValues(*is.column(i), *expected.column(i));
        continue;
      }
      auto options = arrow::EqualOptions().nans_equal(true).signed_zeros_equal(false);
      EXPECT_TRUE(is.column(i)->Equals(*expected.column(i), options))
          << expected.field(i)->ToString();
    }
  }

  /// Batches may have dictionaries of their own, so that equal rows have other indices.
  static void ExpectSameValues(const arrow::ChunkedArray& is, const arrow::ChunkedArray& expected) {
    for (int64_t row = 0; row < expected.length(); ++row) {
      EXPECT_TRUE(Decoded(is, row)->Equals(*Decoded(expected, row))) << "row " << row;
    }
  }
  static std::shared_ptr<arrow::Scalar> Decoded(const arrow::ChunkedArray& array, int64_t row) {
    auto scalar = array.GetScalar(row).ValueOrDie();
    return std::static_pointer_cast<arrow::DictionaryScalar>(scalar)
        ->GetEncodedValue()
        .ValueOrDie();
  }

  static arrow::RecordBatchVector OneOf(const std::shared_ptr<arrow::DataType>& type,
                                        const std::string& json);

  void ExpectCode(const arrow::Status& status, ErrorCode code) {
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(ErrorName(ErrorCodeOf(status)), ErrorName(code)) << status.ToString();
  }

  FakeClock clock_;
  std::shared_ptr<FlightStore> store_;
};

}  // namespace longbow::testing

// The tests. They are in files of their own because there are many of them.
#include <longbow/testing/flight_store_contract_data.h>
#include <longbow/testing/flight_store_contract_rules.h>
