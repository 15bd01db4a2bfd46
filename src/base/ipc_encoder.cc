#include <longbow/ipc_encoder.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/compression.h>

#include <longbow/error.h>

#include "base/ipc_encoder_dictionaries.h"
#include "base/ipc_encoder_size.h"
#include "base/ipc_encoder_views.h"

namespace longbow {
namespace {

// Some clients cannot take more, and protobuf neither.
constexpr int64_t kMaxMessageBytes = std::numeric_limits<int32_t>::max() - 64 * 1024;
// How many small batches wait to be joined: those without columns never add up to anything.
constexpr size_t kMaxWaitingBatches = 1024;
// Rows that are decoded at a time, so that texts that become large still fit into one array.
constexpr int64_t kDecodeRows = 65536;
// Slices begin at multiples of this, so that bitmaps need not be shifted.
constexpr int64_t kSliceRows = 64;

/// Where the writer's messages go.
struct Collected {
  IpcMessage schema;
  std::vector<IpcMessage>* out = nullptr;  ///< while a batch is written
  int64_t rows = 0;                        ///< of that batch
};

/// What Arrow's stream writer writes to: it knows when which dictionary is due.
class Collector final : public arrow::ipc::internal::IpcPayloadWriter {
 public:
  explicit Collector(Collected* collected) : collected_(collected) {}

  arrow::Status WritePayload(const arrow::ipc::IpcPayload& payload) override {
    if (payload.body_length + payload.metadata->size() > kMaxMessageBytes) {
      return MakeError(ErrorCode::kResourceExhausted,
                       payload.type == arrow::ipc::MessageType::DICTIONARY_BATCH
                           ? "A dictionary has more than 2 GiB and cannot be sent"
                           : "A row has more than 2 GiB and cannot be sent");
    }
    IpcMessage message;
    message.metadata = payload.metadata;
    message.body = payload.body_buffers;
    message.body_bytes = payload.body_length;
    if (payload.type == arrow::ipc::MessageType::SCHEMA) {
      collected_->schema = std::move(message);
      return arrow::Status::OK();
    }
    if (payload.type == arrow::ipc::MessageType::RECORD_BATCH) message.rows = collected_->rows;
    collected_->out->push_back(std::move(message));
    return arrow::Status::OK();
  }
  arrow::Status Close() override { return arrow::Status::OK(); }

 private:
  Collected* const collected_;
};

arrow::Result<arrow::ipc::IpcWriteOptions> ToArrowOptions(const IpcEncoderOptions& options,
                                                          arrow::MemoryPool* pool) {
  auto arrow_options = arrow::ipc::IpcWriteOptions::Defaults();
  arrow_options.memory_pool = pool;
  arrow_options.emit_dictionary_deltas = true;
  arrow_options.use_threads = false;  // the caller is on a worker's thread already
  if (options.compression != WireCompression::kNone) {
    ARROW_ASSIGN_OR_RAISE(arrow_options.codec,
                          arrow::util::Codec::Create(options.compression == WireCompression::kLz4
                                                         ? arrow::Compression::LZ4_FRAME
                                                         : arrow::Compression::ZSTD));
  }
  return arrow_options;
}

std::shared_ptr<arrow::Schema> DecodedSchema(const std::shared_ptr<arrow::Schema>& schema) {
  arrow::FieldVector fields;
  bool changed = false;
  for (const auto& field : schema->fields()) {
    const auto type = DecodedType(field->type());
    changed = changed || type != field->type();
    fields.push_back(field->WithType(type));
  }
  return changed ? arrow::schema(std::move(fields), schema->metadata()) : schema;
}

class ArrowIpcEncoder final : public IpcEncoder {
 public:
  ArrowIpcEncoder(std::shared_ptr<arrow::Schema> schema, const IpcEncoderOptions& options)
      : schema_(std::move(schema)),
        wire_schema_(options.decode_dictionaries ? DecodedSchema(schema_) : schema_),
        decodes_(wire_schema_ != schema_),
        has_views_(std::any_of(wire_schema_->fields().begin(), wire_schema_->fields().end(),
                               [](const auto& field) { return HasViews(*field->type()); })),
        target_bytes_(std::max<int64_t>(1, options.target_bytes)),
        keep_empty_batches_(options.keep_empty_batches),
        pool_(options.memory_pool == nullptr ? arrow::default_memory_pool() : options.memory_pool) {
  }

  arrow::Status Init(const IpcEncoderOptions& options) {
    ARROW_ASSIGN_OR_RAISE(const auto arrow_options, ToArrowOptions(options, pool_));
    // Writes the schema's message at once.
    ARROW_ASSIGN_OR_RAISE(
        writer_, arrow::ipc::internal::OpenRecordBatchWriter(
                     std::make_unique<Collector>(&collected_), wire_schema_, arrow_options));
    return arrow::Status::OK();
  }

  const std::shared_ptr<arrow::Schema>& wire_schema() const override { return wire_schema_; }

  arrow::Result<IpcMessage> EncodeSchema() override { return collected_.schema; }

  arrow::Status Encode(std::shared_ptr<arrow::RecordBatch> batch,
                       std::vector<IpcMessage>* out) override {
    ARROW_RETURN_NOT_OK(CheckSchema(*batch));
    if (!decodes_) return Add(std::move(batch), out);
    for (int64_t begin = 0; begin < batch->num_rows(); begin += kDecodeRows) {
      ARROW_ASSIGN_OR_RAISE(auto decoded, Decode(*batch->Slice(begin, kDecodeRows)));
      ARROW_RETURN_NOT_OK(Add(std::move(decoded), out));
    }
    return arrow::Status::OK();
  }

  arrow::Status Flush(std::vector<IpcMessage>* out) override {
    if (waiting_.empty()) return arrow::Status::OK();
    const arrow::RecordBatchVector batches = std::exchange(waiting_, {});
    const int64_t bytes = std::exchange(waiting_bytes_, 0);
    if (batches.size() == 1) return Split(batches[0], bytes, out);
    auto joined = arrow::ConcatenateRecordBatches(batches, pool_);
    if (joined.ok()) return Split(*joined, WireBytes(**joined), out);
    // Some cannot be joined, such as those whose dictionaries together have too many values.
    for (const auto& batch : batches) ARROW_RETURN_NOT_OK(Split(batch, WireBytes(*batch), out));
    return arrow::Status::OK();
  }

 private:
  arrow::Status CheckSchema(const arrow::RecordBatch& batch) {
    const auto& schema = batch.schema();
    if (schema == schema_ || schema == last_schema_) return arrow::Status::OK();
    if (!schema->Equals(*schema_, /*check_metadata=*/false)) {
      return MakeError(
          ErrorCode::kBadArgument, "A batch has another schema than its stream",
          "The batch has " + schema->ToString() + "; the stream has " + schema_->ToString());
    }
    last_schema_ = schema;
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Decode(const arrow::RecordBatch& batch) {
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (int i = 0; i < batch.num_columns(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto column, DecodeDictionaries(batch.column_data(i), pool_));
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(wire_schema_, batch.num_rows(), std::move(columns));
  }

  // Keeps small batches until there are enough of them.
  arrow::Status Add(std::shared_ptr<arrow::RecordBatch> batch, std::vector<IpcMessage>* out) {
    if (batch->num_rows() == 0) {
      if (!keep_empty_batches_) return arrow::Status::OK();
      ARROW_RETURN_NOT_OK(Flush(out));
      return Write(batch, out);
    }
    const int64_t bytes = WireBytes(*batch);
    const bool small = bytes < target_bytes_ / 2;
    if (!small || waiting_bytes_ + bytes > TooLarge()) ARROW_RETURN_NOT_OK(Flush(out));
    if (!small) return Split(batch, bytes, out);
    waiting_.push_back(std::move(batch));
    waiting_bytes_ += bytes;
    return waiting_bytes_ >= target_bytes_ || waiting_.size() >= kMaxWaitingBatches
               ? Flush(out)
               : arrow::Status::OK();
  }

  int64_t TooLarge() const { return target_bytes_ + target_bytes_ / 2; }

  // Writes the batch in pieces near the wanted size. Rows may differ in size: what is still too
  // large is split again.
  arrow::Status Split(const std::shared_ptr<arrow::RecordBatch>& batch, int64_t bytes,
                      std::vector<IpcMessage>* out) {
    const int64_t rows = batch->num_rows();
    if (bytes <= TooLarge() || rows == 1) return Write(batch, out);
    const int64_t pieces = (bytes + target_bytes_ - 1) / target_bytes_;
    // Fewer than all rows: pieces are at least two, and rounding up adds less than the other ones
    // have.
    int64_t step = (rows + pieces - 1) / pieces;
    if (step > kSliceRows) step = (step + kSliceRows - 1) / kSliceRows * kSliceRows;
    for (int64_t begin = 0; begin < rows; begin += step) {
      const auto piece = batch->Slice(begin, step);
      ARROW_RETURN_NOT_OK(Split(piece, WireBytes(*piece), out));
    }
    return arrow::Status::OK();
  }

  arrow::Status Write(const std::shared_ptr<arrow::RecordBatch>& batch,
                      std::vector<IpcMessage>* out) {
    collected_.out = out;
    collected_.rows = batch->num_rows();
    if (!has_views_) return writer_->WriteRecordBatch(*batch);
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (int i = 0; i < batch->num_columns(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto column, CompactViews(batch->column_data(i), pool_));
      columns.push_back(std::move(column));
    }
    return writer_->WriteRecordBatch(
        *arrow::RecordBatch::Make(batch->schema(), batch->num_rows(), std::move(columns)));
  }

  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<arrow::Schema> wire_schema_;
  const bool decodes_;
  const bool has_views_;
  const int64_t target_bytes_;
  const bool keep_empty_batches_;
  arrow::MemoryPool* const pool_;
  Collected collected_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
  std::shared_ptr<arrow::Schema> last_schema_;  // an equal one that was seen last
  arrow::RecordBatchVector waiting_;
  int64_t waiting_bytes_ = 0;
};

}  // namespace

arrow::Result<std::unique_ptr<IpcEncoder>> IpcEncoder::Make(std::shared_ptr<arrow::Schema> schema,
                                                            const IpcEncoderOptions& options) {
  auto encoder = std::make_unique<ArrowIpcEncoder>(std::move(schema), options);
  ARROW_RETURN_NOT_OK(encoder->Init(options));
  return encoder;
}

}  // namespace longbow
