#include "transport/ipc_decoder.h"

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>

#include <longbow/error.h>

#include "transport/batch_checker.h"
#include "transport/unpacked_bytes.h"

namespace longbow::transport {
namespace {

// More dictionaries than a schema can name in fields means that somebody wants to fill the memory.
constexpr size_t kMaxWaitingMessages = 65536;

arrow::Status Malformed(const std::string& why) {
  return MakeError(ErrorCode::kBadArgument, "The stream's data is malformed", why);
}

/// Hands the messages that have come to Arrow's reader, which asks for them.
class MessageQueue final : public arrow::ipc::MessageReader {
 public:
  using Messages = std::deque<std::unique_ptr<arrow::ipc::Message>>;
  explicit MessageQueue(std::shared_ptr<Messages> messages) : messages_(std::move(messages)) {}

  arrow::Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    if (messages_->empty()) return std::unique_ptr<arrow::ipc::Message>();
    auto message = std::move(messages_->front());
    messages_->pop_front();
    return message;
  }

 private:
  const std::shared_ptr<Messages> messages_;
};

}  // namespace

class IpcDecoder::Impl {
 public:
  Impl(arrow::MemoryPool* pool, int64_t max_unpacked_bytes)
      : max_unpacked_bytes_(max_unpacked_bytes), unpacked_(max_unpacked_bytes) {
    options_.memory_pool = pool == nullptr ? arrow::default_memory_pool() : pool;
    // The caller's thread is a worker already; Arrow's own threads belong to the modules.
    options_.use_threads = false;
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Decode(const FlightDataMessage& message) {
    if (message.header == nullptr) return Malformed("A message has no header.");
    auto parsed = arrow::ipc::Message::Open(message.header,
                                            message.body == nullptr ? no_body_ : message.body);
    if (!parsed.ok()) return Malformed(parsed.status().message());
    ARROW_RETURN_NOT_OK(CheckUnpacked(**parsed));
    const arrow::ipc::MessageType type = (*parsed)->type();
    messages_->push_back(*std::move(parsed));
    if (reader_ == nullptr) {
      if (type != arrow::ipc::MessageType::SCHEMA) return Malformed("It begins without a schema.");
      return TakeSchema();
    }
    switch (type) {
      case arrow::ipc::MessageType::DICTIONARY_BATCH:
        // Arrow reads dictionaries with the batch that needs them.
        if (messages_->size() > kMaxWaitingMessages)
          return Malformed("It has too many dictionaries.");
        return std::shared_ptr<arrow::RecordBatch>();
      case arrow::ipc::MessageType::RECORD_BATCH:
        return TakeBatch();
      case arrow::ipc::MessageType::SCHEMA:
        return Malformed("It has a second schema.");
      default:
        return Malformed("It has a message that is neither schema, dictionary nor batch.");
    }
  }

  std::shared_ptr<arrow::Schema> schema() const {
    return reader_ == nullptr ? nullptr : reader_->schema();
  }

 private:
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeSchema() {
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(
        std::make_unique<MessageQueue>(messages_), options_);
    if (!reader.ok()) return Malformed(reader.status().message());
    reader_ = *std::move(reader);
    checker_.emplace(*reader_->schema());
    return std::shared_ptr<arrow::RecordBatch>();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> TakeBatch() {
    std::shared_ptr<arrow::RecordBatch> batch;
    const arrow::Status read = reader_->ReadNext(&batch);
    if (read.IsOutOfMemory()) return read;
    if (!read.ok()) return Malformed(read.message());
    if (batch == nullptr) return Malformed("A batch is missing its dictionaries.");
    const arrow::Status checked = checker_->Check(*batch);
    if (!checked.ok()) return Malformed(checked.message());
    return batch;
  }

  arrow::Status CheckUnpacked(const arrow::ipc::Message& message) {
    const auto unpacked =
        ReadUnpackedBytes(std::string_view(*message.metadata()), std::string_view(*message.body()));
    if (!unpacked) return Malformed("A message's buffers do not lie within it.");
    if (unpacked_.Take(*unpacked)) return arrow::Status::OK();
    return MakeError(ErrorCode::kResourceExhausted,
                     "A batch unpacks to more than the " + std::to_string(max_unpacked_bytes_) +
                         " bytes that this server takes in one message; send smaller batches");
  }

  const int64_t max_unpacked_bytes_;
  UnpackedSum unpacked_;
  arrow::ipc::IpcReadOptions options_ = arrow::ipc::IpcReadOptions::Defaults();
  const std::shared_ptr<MessageQueue::Messages> messages_ =
      std::make_shared<MessageQueue::Messages>();
  const std::shared_ptr<arrow::Buffer> no_body_ = std::make_shared<arrow::Buffer>(nullptr, 0);
  std::shared_ptr<arrow::ipc::RecordBatchStreamReader> reader_;
  std::optional<BatchChecker> checker_;
};

IpcDecoder::IpcDecoder(arrow::MemoryPool* pool, int64_t max_unpacked_bytes)
    : impl_(std::make_unique<Impl>(pool, max_unpacked_bytes)) {}
IpcDecoder::~IpcDecoder() = default;
IpcDecoder::IpcDecoder(IpcDecoder&&) noexcept = default;
IpcDecoder& IpcDecoder::operator=(IpcDecoder&&) noexcept = default;

arrow::Result<std::shared_ptr<arrow::RecordBatch>> IpcDecoder::Decode(
    const FlightDataMessage& message) {
  return impl_->Decode(message);
}

std::shared_ptr<arrow::Schema> IpcDecoder::schema() const { return impl_->schema(); }

}  // namespace longbow::transport
