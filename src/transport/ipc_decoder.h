/// \file
/// Turns received messages into batches. Trusts nothing of what clients send.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include "transport/call.h"

namespace longbow::transport {

/// Decodes one stream: a schema, then dictionaries and batches. The batches share the messages'
/// memory.
///
/// A batch that is given out is safe to compute with: every offset, index and length in it lies
/// within its buffers. Not looked at is whether values are meaningful (text valid UTF-8, decimals
/// within their precision). For one thread at a time.
class IpcDecoder {
 public:
  /// `pool` is for what has to be decompressed; null: Arrow's default. `max_unpacked_bytes`: of a
  /// message with compressed buffers, the dictionaries included that are kept for it.
  explicit IpcDecoder(arrow::MemoryPool* pool = nullptr,
                      int64_t max_unpacked_bytes = std::numeric_limits<int64_t>::max());
  ~IpcDecoder();
  IpcDecoder(IpcDecoder&&) noexcept;
  IpcDecoder& operator=(IpcDecoder&&) noexcept;

  /// The batch in a message that has a header; null where the message holds the schema or a
  /// dictionary. Errors: BAD_ARGUMENT for what is malformed or out of order; RESOURCE_EXHAUSTED for
  /// what would unpack to more than it may, which is not unpacked. After them only destroying is
  /// left.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Decode(const FlightDataMessage& message);

  /// The stream's schema; null before its message.
  std::shared_ptr<arrow::Schema> schema() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace longbow::transport
