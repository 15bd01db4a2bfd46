// FlightData messages. The first byte says how the others are cut into slices; the cuts must make
// no difference.

#include <memory>
#include <random>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include "require.h"
#include "transport/flight_data.h"

namespace longbow::fuzz {
namespace {

using transport::ByteSpan;
using transport::FlightDataMessage;

// Each slice has memory of its own, so that the sanitizer sees what reads beyond it.
std::vector<std::vector<uint8_t>> Cut(ByteSpan bytes, uint8_t seed) {
  std::minstd_rand random(seed + 1u);
  const size_t longest = 1 + seed % 40;
  std::vector<std::vector<uint8_t>> slices;
  while (!bytes.empty()) {
    const size_t length = std::min<size_t>(random() % (longest + 1), bytes.size());
    slices.emplace_back(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
    bytes = bytes.subspan(length);
  }
  return slices;
}

arrow::Result<FlightDataMessage> Parse(const std::vector<std::vector<uint8_t>>& slices) {
  const std::vector<ByteSpan> spans(slices.begin(), slices.end());
  return transport::ParseFlightData(spans, arrow::system_memory_pool());
}

bool Equal(const std::shared_ptr<arrow::Buffer>& a, const std::shared_ptr<arrow::Buffer>& b) {
  return a == nullptr || b == nullptr ? a == b : a->Equals(*b);
}

void Check(ByteSpan bytes, uint8_t seed) {
  const auto whole = Parse({std::vector<uint8_t>(bytes.begin(), bytes.end())});
  const auto pieces = Parse(Cut(bytes, seed));
  Require(whole.ok() == pieces.ok(), "cuts make no difference to success");
  if (!whole.ok()) {
    RequireShowable(whole.status(), ErrorCode::kBadArgument);
    Require(whole.status().message() == pieces.status().message(), "cuts change no error");
    return;
  }
  Require(whole->descriptor == pieces->descriptor, "cuts change no descriptor");
  Require(Equal(whole->header, pieces->header), "cuts change no header");
  Require(Equal(whole->app_metadata, pieces->app_metadata), "cuts change no metadata");
  Require(Equal(whole->body, pieces->body), "cuts change no body");
}

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) longbow::fuzz::Check({data + 1, size - 1}, data[0]);
  return 0;
}
