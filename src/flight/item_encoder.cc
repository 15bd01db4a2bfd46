#include "flight/item_encoder.h"

#include <limits>
#include <utility>

#include <arrow/record_batch.h>

#include <longbow/error.h>

namespace longbow::flight {

using transport::Frame;

arrow::Result<std::unique_ptr<ItemEncoder>> ItemEncoder::Make(
    std::shared_ptr<arrow::Schema> schema) {
  auto result = std::unique_ptr<ItemEncoder>(new ItemEncoder());
  if (schema) {
    IpcEncoderOptions options;
    // The module has chosen its batches: they are neither split nor joined.
    options.target_bytes = std::numeric_limits<int32_t>::max();
    options.keep_empty_batches = true;
    ARROW_ASSIGN_OR_RAISE(result->encoder_, IpcEncoder::Make(std::move(schema), options));
  }
  return result;
}

arrow::Result<std::vector<Frame>> ItemEncoder::Start() {
  std::vector<Frame> frames;
  if (encoder_) {
    ARROW_ASSIGN_OR_RAISE(auto message, encoder_->EncodeSchema());
    frames.push_back(Frame::FlightData(&message, nullptr));
  }
  return frames;
}

arrow::Result<std::vector<Frame>> ItemEncoder::Encode(const StreamItem& item) {
  std::vector<Frame> frames;
  std::vector<IpcMessage> messages;
  if (item.batch) {
    if (!encoder_) {
      return MakeError(ErrorCode::kInternalError,
                       "a module sent a batch on a stream that it gave no schema");
    }
    ARROW_RETURN_NOT_OK(encoder_->Encode(item.batch, &messages));
    ARROW_RETURN_NOT_OK(encoder_->Flush(&messages));
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool last = i + 1 == messages.size();
    frames.push_back(Frame::FlightData(&messages[i], last ? item.app_metadata : nullptr));
  }
  if (messages.empty() && item.app_metadata) {
    frames.push_back(Frame::FlightData(nullptr, item.app_metadata));
  }
  return frames;
}

}  // namespace longbow::flight
