#include <cstdint>
#include <string>
#include <utility>

#include "transport/call.h"

namespace longbow::transport {
namespace {

// Fields of FlightData, all length-delimited. The body's number takes two bytes.
constexpr char kHeaderTag = (2 << 3) | 2;
constexpr char kAppMetadataTag = (3 << 3) | 2;
constexpr char kBodyTag[] = {'\xC2', '\x3E'};  // (1000 << 3) | 2

// A part that is shared costs two allocations and a piece of the socket's write; copying so few
// bytes is cheaper.
constexpr int64_t kCopyBelowBytes = 1024;
constexpr int64_t kMaxVarintBytes = 10;

int64_t PaddingOf(int64_t size) { return (8 - size % 8) % 8; }

int64_t SizeOf(const std::shared_ptr<arrow::Buffer>& buffer) {
  return buffer == nullptr ? 0 : buffer->size();
}

// Lays out a message: small pieces are copied behind one another into one buffer, large ones are
// shared.
class FrameBuilder {
 public:
  explicit FrameBuilder(int64_t copied_bytes) { copied_.reserve(copied_bytes); }

  void AppendBytes(std::string_view bytes) { copied_ += bytes; }

  void AppendVarint(uint64_t value) {
    while (value >= 0x80) {
      copied_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    copied_.push_back(static_cast<char>(value));
  }

  void AppendField(char tag, const std::shared_ptr<arrow::Buffer>& buffer) {
    copied_.push_back(tag);
    AppendVarint(buffer->size());
    AppendBuffer(buffer);
  }

  void AppendBuffer(const std::shared_ptr<arrow::Buffer>& buffer) {
    const int64_t size = SizeOf(buffer);
    if (size == 0) return;
    if (size < kCopyBelowBytes) {
      copied_.append(reinterpret_cast<const char*>(buffer->data()), size);
      return;
    }
    EndRun();
    parts_.push_back(buffer);
    size_bytes_ += size;
  }

  void AppendPadding(int64_t bytes) { copied_.append(bytes, '\0'); }

  std::vector<std::shared_ptr<arrow::Buffer>> Finish(int64_t* size_bytes) {
    EndRun();
    *size_bytes = size_bytes_;
    const bool whole = runs_.size() == 1;
    auto copied = arrow::Buffer::FromString(std::move(copied_));
    for (const Run& run : runs_) {
      parts_[run.part] = whole ? copied : arrow::SliceBuffer(copied, run.begin, run.size);
    }
    return std::move(parts_);
  }

 private:
  // A stretch of copied_ and its place among the parts.
  struct Run {
    size_t part;
    int64_t begin;
    int64_t size;
  };

  void EndRun() {
    const int64_t size = static_cast<int64_t>(copied_.size()) - run_begin_;
    if (size == 0) return;
    runs_.push_back({parts_.size(), run_begin_, size});
    parts_.emplace_back();
    run_begin_ += size;
    size_bytes_ += size;
  }

  std::string copied_;
  int64_t run_begin_ = 0;
  int64_t size_bytes_ = 0;
  std::vector<Run> runs_;
  std::vector<std::shared_ptr<arrow::Buffer>> parts_;
};

int64_t CopiedBytes(const std::shared_ptr<arrow::Buffer>& buffer) {
  const int64_t size = SizeOf(buffer);
  return PaddingOf(size) + (size < kCopyBelowBytes ? size : 0);
}

}  // namespace

Frame Frame::FromString(std::string bytes) {
  Frame frame;
  frame.size_bytes_ = static_cast<int64_t>(bytes.size());
  if (!bytes.empty()) frame.parts_.push_back(arrow::Buffer::FromString(std::move(bytes)));
  return frame;
}

Frame Frame::FlightData(const IpcMessage* message,
                        const std::shared_ptr<arrow::Buffer>& app_metadata) {
  int64_t copied_bytes = 3 * kMaxVarintBytes + CopiedBytes(app_metadata);
  int64_t body_bytes = 0;
  if (message != nullptr) {
    copied_bytes += CopiedBytes(message->metadata);
    for (const auto& part : message->body) {
      copied_bytes += CopiedBytes(part);
      body_bytes += SizeOf(part) + PaddingOf(SizeOf(part));
    }
  }
  FrameBuilder builder(copied_bytes);
  if (message != nullptr) builder.AppendField(kHeaderTag, message->metadata);
  if (SizeOf(app_metadata) > 0) builder.AppendField(kAppMetadataTag, app_metadata);
  // A batch always has a body, if an empty one; a schema has none.
  if (message != nullptr && (body_bytes > 0 || message->rows > 0)) {
    builder.AppendBytes({kBodyTag, sizeof(kBodyTag)});
    builder.AppendVarint(body_bytes);
    for (const auto& part : message->body) {
      builder.AppendBuffer(part);
      builder.AppendPadding(PaddingOf(SizeOf(part)));
    }
  }
  Frame frame;
  frame.parts_ = builder.Finish(&frame.size_bytes_);
  if (message != nullptr) frame.rows_ = message->rows;
  return frame;
}

}  // namespace longbow::transport
