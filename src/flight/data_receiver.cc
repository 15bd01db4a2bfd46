#include "flight/data_receiver.h"

#include <utility>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

using transport::FlightDataMessage;
using transport::ReadOutcome;

arrow::Status ClientGone() {
  return MakeError(ErrorCode::kCommandCancelled, "the client broke the stream off");
}

}  // namespace

void DataReceiver::ReadStart(std::function<void(arrow::Result<ReceivedStart>)> done) {
  auto take = [self = shared_from_this()](
                  ReadOutcome outcome,
                  arrow::Result<FlightDataMessage> message) -> arrow::Result<ReceivedStart> {
    if (outcome == ReadOutcome::kBroken) return ClientGone();
    if (outcome == ReadOutcome::kEnd) {
      return MakeError(ErrorCode::kBadArgument, "the stream ended before its first message",
                       "The first message carries the descriptor, and with data the schema.");
    }
    ARROW_RETURN_NOT_OK(message.status());
    if (!message->descriptor) {
      return MakeError(ErrorCode::kBadArgument, "the stream's first message has no descriptor");
    }
    auto descriptor = arrow::flight::FlightDescriptor::Deserialize(*message->descriptor);
    if (!descriptor.ok()) {
      return MakeError(ErrorCode::kBadArgument, "the stream's descriptor is malformed");
    }
    ReceivedStart start;
    start.descriptor = *descriptor;
    start.app_metadata = message->app_metadata;
    if (message->header) {
      ARROW_ASSIGN_OR_RAISE(auto batch, self->decoder_.Decode(*message));
      if (batch) {
        return MakeError(ErrorCode::kBadArgument, "the stream's first message is no schema");
      }
    }
    start.schema = self->decoder_.schema();
    return start;
  };
  call_->ReadData(
      [take = std::move(take), done = std::move(done)](ReadOutcome outcome, auto message) {
        done(take(outcome, std::move(message)));
      });
}

void DataReceiver::ReadItem(ItemCallback done) {
  if (watch_) watch_->Begin();
  call_->ReadData([self = shared_from_this(), done = std::move(done)](
                      ReadOutcome outcome, arrow::Result<FlightDataMessage> message) mutable {
    const bool in_time = !self->watch_ || self->watch_->End();
    if (outcome == ReadOutcome::kBroken || !in_time) return done(ClientGone());
    if (outcome == ReadOutcome::kEnd) return done(std::optional<StreamItem>());
    if (!message.ok()) return done(message.status());
    StreamItem item;
    item.app_metadata = message->app_metadata;
    if (message->header) {
      auto batch = self->decoder_.Decode(*message);
      if (!batch.ok()) return done(batch.status());
      item.batch = std::move(*batch);
      if (item.batch) self->call_->statistics().received_rows += item.batch->num_rows();
      // A dictionary. Some writers (arrow-go's) repeat on it the metadata of the batch that
      // follows, which would be delivered twice; Arrow's own readers drop it too.
      if (!item.batch) item.app_metadata = nullptr;
    }
    if (!item.batch && !item.app_metadata) return self->ReadItem(std::move(done));
    done(std::optional<StreamItem>(std::move(item)));
  });
}

}  // namespace longbow::flight
