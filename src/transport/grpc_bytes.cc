#include "transport/grpc_bytes.h"

#include <atomic>
#include <utility>
#include <vector>

#include <grpcpp/support/slice.h>

#include <longbow/error.h>

#include "transport/flight_data.h"

namespace longbow::transport {
namespace {

// Owns a frame for the slices made of it. One count for all of them is cheaper than one for each.
struct SharedFrame {
  explicit SharedFrame(Frame f) : frame(std::move(f)), slices(frame.parts().size()) {}

  static void Release(void* self) {
    auto* shared = static_cast<SharedFrame*>(self);
    if (shared->slices.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared;
  }

  const Frame frame;
  std::atomic<size_t> slices;
};

arrow::Result<std::vector<grpc::Slice>> SlicesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid()) return slices;
  if (!buffer.Dump(&slices).ok()) {
    return MakeError(ErrorCode::kBadArgument, "A message could not be decompressed");
  }
  return slices;
}

}  // namespace

grpc::ByteBuffer ToByteBuffer(Frame frame) {
  if (frame.parts().empty()) {
    const grpc::Slice empty;
    return grpc::ByteBuffer(&empty, 1);
  }
  auto* shared = new SharedFrame(std::move(frame));
  const auto to_slice = [shared](const arrow::Buffer& part) {
    // gRPC only reads what is sent; its interface is not const.
    return grpc::Slice(const_cast<uint8_t*>(part.data()), static_cast<size_t>(part.size()),
                       &SharedFrame::Release, shared);
  };
  const auto& parts = shared->frame.parts();
  if (parts.size() == 1) {
    const grpc::Slice slice = to_slice(*parts[0]);
    return grpc::ByteBuffer(&slice, 1);
  }
  std::vector<grpc::Slice> slices;
  slices.reserve(parts.size());
  for (const auto& part : parts) slices.push_back(to_slice(*part));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

arrow::Result<std::string> ToString(const grpc::ByteBuffer& buffer) {
  ARROW_ASSIGN_OR_RAISE(const auto slices, SlicesOf(buffer));
  std::string bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

arrow::Result<FlightDataMessage> ToFlightData(const grpc::ByteBuffer& buffer,
                                              arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto slices, SlicesOf(buffer));
  std::vector<ByteSpan> spans;
  spans.reserve(slices.size());
  for (const grpc::Slice& slice : slices) spans.emplace_back(slice.begin(), slice.size());
  return ParseFlightData(spans, pool);
}

}  // namespace longbow::transport
