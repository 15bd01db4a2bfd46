/// \file
/// Turns batches into the messages that travel: small batches are joined, large ones split, so that
/// each message is near 1 MiB (64 KiB messages halve the throughput, one of 16 Mi rows more than
/// halves it). Nothing of fixed width is copied when splitting; joining copies once.
#pragma once

#include <memory>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_store.h>

namespace longbow {

/// What travels over the wire compressed.
enum class WireCompression { kNone, kLz4, kZstd };

struct IpcEncoderOptions {
  int64_t target_bytes = 1 << 20;
  WireCompression compression = WireCompression::kNone;
  /// Dictionary columns are sent as their values' type, for clients that cannot read dictionaries.
  bool decode_dictionaries = false;
  /// A batch without rows makes a message too, where somebody counts the messages.
  bool keep_empty_batches = false;
  arrow::MemoryPool* memory_pool = nullptr;  ///< null: Arrow's default
};

/// For one stream and one thread at a time. The messages share the batches' buffers: they may
/// outlive the encoder and the batches.
class IpcEncoder {
 public:
  virtual ~IpcEncoder() = default;

  static arrow::Result<std::unique_ptr<IpcEncoder>> Make(std::shared_ptr<arrow::Schema> schema,
                                                         const IpcEncoderOptions& options = {});

  /// The schema as it is sent (dictionaries decoded, if asked).
  virtual const std::shared_ptr<arrow::Schema>& wire_schema() const = 0;
  /// The schema's message: first on the stream.
  virtual arrow::Result<IpcMessage> EncodeSchema() = 0;
  /// Adds a batch; appends the messages that are now complete to `out`, dictionaries before those
  /// that need them. May keep a small batch back. A batch without rows makes no message
  /// unless the options say so.
  virtual arrow::Status Encode(std::shared_ptr<arrow::RecordBatch> batch,
                               std::vector<IpcMessage>* out) = 0;
  /// Appends what was kept back.
  virtual arrow::Status Flush(std::vector<IpcMessage>* out) = 0;
};

}  // namespace longbow
