#include "transport/flight_data.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <longbow/error.h>

namespace longbow::transport {
namespace {

constexpr uint32_t kDescriptorField = 1;
constexpr uint32_t kHeaderField = 2;
constexpr uint32_t kAppMetadataField = 3;
constexpr uint32_t kBodyField = 1000;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

arrow::Status Malformed(std::string_view what) {
  return MakeError(ErrorCode::kBadArgument,
                   "A message of the stream is no FlightData: " + std::string(what));
}

// Reads forward over slices as if they were one piece.
class SliceReader {
 public:
  explicit SliceReader(std::span<const ByteSpan> slices) : slices_(slices) {
    for (ByteSpan slice : slices_) remaining_ += slice.size();
    SkipEmpty();
  }

  uint64_t remaining() const { return remaining_; }

  arrow::Result<uint64_t> ReadVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (remaining_ == 0) return Malformed("it ends within a number");
      const uint8_t byte = slices_.front()[offset_];
      Advance(1);
      if (shift == 63 && byte > 1) return Malformed("a number is too large");
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Malformed("a number is too long");
  }

  // Copies `size` bytes, or skips them where `out` is null. There are that many.
  void Read(uint8_t* out, uint64_t size) {
    while (size > 0) {
      const ByteSpan slice = slices_.front();
      const size_t part = std::min<uint64_t>(size, slice.size() - offset_);
      if (out != nullptr) {
        std::memcpy(out, slice.data() + offset_, part);
        out += part;
      }
      size -= part;
      Advance(part);
    }
  }

 private:
  void Advance(size_t bytes) {
    offset_ += bytes;
    remaining_ -= bytes;
    if (offset_ == slices_.front().size()) {
      offset_ = 0;
      slices_ = slices_.subspan(1);
      SkipEmpty();
    }
  }
  void SkipEmpty() {
    while (!slices_.empty() && slices_.front().empty()) slices_ = slices_.subspan(1);
  }

  std::span<const ByteSpan> slices_;
  size_t offset_ = 0;  // within the first of slices_
  uint64_t remaining_ = 0;
};

class Parser {
 public:
  Parser(std::span<const ByteSpan> slices, arrow::MemoryPool* pool)
      : reader_(slices), pool_(pool) {}

  arrow::Result<FlightDataMessage> Parse() {
    while (reader_.remaining() > 0) ARROW_RETURN_NOT_OK(ParseField());
    return std::move(message_);
  }

 private:
  arrow::Status ParseField() {
    ARROW_ASSIGN_OR_RAISE(const uint64_t tag, reader_.ReadVarint());
    if (tag > UINT32_MAX || (tag >> 3) == 0) return Malformed("a field has an invalid number");
    const uint32_t field = static_cast<uint32_t>(tag >> 3);
    const uint32_t type = static_cast<uint32_t>(tag & 7);
    if (field != kDescriptorField && field != kHeaderField && field != kAppMetadataField &&
        field != kBodyField) {
      return SkipField(type);
    }
    if (type != kLengthDelimited) return Malformed("a field has a wrong type");
    ARROW_ASSIGN_OR_RAISE(const uint64_t size, ReadLength());
    switch (field) {
      case kDescriptorField:
        if (message_.descriptor.has_value()) return Malformed("it has two descriptors");
        message_.descriptor.emplace(size, '\0');
        reader_.Read(reinterpret_cast<uint8_t*>(message_.descriptor->data()), size);
        return arrow::Status::OK();
      case kHeaderField:
        return ReadInto(size, "header", &message_.header);
      case kAppMetadataField:
        return ReadInto(size, "application metadata", &message_.app_metadata);
      default:
        return ReadInto(size, "body", &message_.body);
    }
  }

  arrow::Result<uint64_t> ReadLength() {
    ARROW_ASSIGN_OR_RAISE(const uint64_t size, reader_.ReadVarint());
    if (size > reader_.remaining()) return Malformed("a field is longer than the message");
    return size;
  }

  arrow::Status ReadInto(uint64_t size, std::string_view name,
                         std::shared_ptr<arrow::Buffer>* out) {
    if (*out != nullptr) return Malformed("it has two fields " + std::string(name));
    auto buffer = arrow::AllocateBuffer(static_cast<int64_t>(size), pool_);
    if (!buffer.ok()) {
      return MakeError(ErrorCode::kResourceExhausted,
                       "There is no memory for a message of " + std::to_string(size) +
                           " bytes; send smaller batches, or try again later");
    }
    reader_.Read((*buffer)->mutable_data(), size);
    *out = *std::move(buffer);
    return arrow::Status::OK();
  }

  arrow::Status SkipField(uint32_t type) {
    switch (type) {
      case kVarint:
        return reader_.ReadVarint().status();
      case kFixed64:
        return SkipBytes(8);
      case kFixed32:
        return SkipBytes(4);
      case kLengthDelimited: {
        ARROW_ASSIGN_OR_RAISE(const uint64_t size, ReadLength());
        return SkipBytes(size);
      }
      default:  // groups have never been part of it
        return Malformed("a field has an unknown type");
    }
  }

  arrow::Status SkipBytes(uint64_t size) {
    if (size > reader_.remaining()) return Malformed("a field is longer than the message");
    reader_.Read(nullptr, size);
    return arrow::Status::OK();
  }

  SliceReader reader_;
  arrow::MemoryPool* pool_;
  FlightDataMessage message_;
};

}  // namespace

arrow::Result<FlightDataMessage> ParseFlightData(std::span<const ByteSpan> slices,
                                                 arrow::MemoryPool* pool) {
  return Parser(slices, pool).Parse();
}

}  // namespace longbow::transport
