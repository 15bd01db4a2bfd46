// A stream of IPC messages, each as: the header's length and the body's (32 bits, little-endian),
// the header, the body. A batch that comes out must be safe to read in full.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include <arrow/api.h>
#include <arrow/array/concatenate.h>
#include <arrow/memory_pool.h>

#include "require.h"
#include "transport/ipc_decoder.h"

namespace longbow::fuzz {
namespace {

using transport::FlightDataMessage;
using transport::IpcDecoder;

// The decoder's memory comes from malloc, whose bounds the sanitizer knows; compressed bodies may
// claim any size.
constexpr int64_t kMaxPoolBytes = int64_t{256} << 20;
// Arrays without buffers may claim any length.
constexpr int64_t kMaxRowsRead = 64;
constexpr int64_t kMaxRowsCopied = 4096;

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}

  bool Next(FlightDataMessage* message) {
    uint32_t lengths[2];
    if (bytes_.size() < sizeof(lengths)) return false;
    std::memcpy(lengths, bytes_.data(), sizeof(lengths));
    bytes_.remove_prefix(sizeof(lengths));
    message->header = Take(lengths[0]);
    message->body = Take(lengths[1]);
    return true;
  }

 private:
  std::shared_ptr<arrow::Buffer> Take(size_t length) {
    length = std::min(length, bytes_.size());
    auto buffer = arrow::Buffer::FromString(std::string(bytes_.substr(0, length)));
    bytes_.remove_prefix(length);
    return buffer;
  }

  std::string_view bytes_;
};

void Use(const arrow::RecordBatch& batch) {
  // Values may be meaningless (text that is no UTF-8); what counts is that reading them is safe.
  (void)batch.ValidateFull();
  for (const auto& column : batch.columns()) {
    (void)column->null_count();
    (void)column->Equals(column);
    (void)column->Slice(column->length() / 2)->ToString();
    for (int64_t i = 0; i < std::min(column->length(), kMaxRowsRead); ++i) {
      (void)column->GetScalar(i);
    }
    if (column->length() <= kMaxRowsCopied) (void)arrow::Concatenate({column, column});
  }
}

void Check(std::string_view bytes) {
  arrow::CappedMemoryPool pool(arrow::system_memory_pool(), kMaxPoolBytes);
  IpcDecoder decoder(&pool);
  Input input(bytes);
  FlightDataMessage message;
  while (input.Next(&message)) {
    const auto batch = decoder.Decode(message);
    if (!batch.ok()) {
      if (!batch.status().IsOutOfMemory()) {
        RequireShowable(batch.status(), ErrorCode::kBadArgument);
      }
      return;
    }
    if (*batch != nullptr) Use(**batch);
  }
}

}  // namespace
}  // namespace longbow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  longbow::fuzz::Check(longbow::fuzz::TextOf(data, size));
  return 0;
}
