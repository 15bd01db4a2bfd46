#include "flight/item_session.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include <longbow/error.h>

#include "flight/item_encoder.h"
#include "flight/raw_calls.h"

namespace longbow::flight {
namespace {

using transport::Frame;

arrow::Status ClientGone() { return MakeError(ErrorCode::kCommandCancelled, "the client is gone"); }

bool IsPut(const transport::Call& call) { return call.method() == transport::Method::kDoPut; }

/// Writes while the caller waits. A write that is under way ends when the call does.
class CallItemWriter : public ItemWriter {
 public:
  /// \param reads watches what the same client sends: one that takes what it is told is there
  CallItemWriter(std::shared_ptr<transport::Call> call, std::shared_ptr<ClientWatch> watch,
                 std::shared_ptr<ClientWatch> reads)
      : call_(std::move(call)),
        watch_(std::move(watch)),
        reads_(std::move(reads)),
        is_put_(IsPut(*call_)) {}

  arrow::Status Begin(const std::shared_ptr<arrow::Schema>& schema) override {
    std::lock_guard order(order_);
    if (is_put_) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(encoder_, ItemEncoder::Make(schema));
    ARROW_ASSIGN_OR_RAISE(auto frames, encoder_->Start());
    return WriteAll(std::move(frames));
  }

  arrow::Status Write(StreamItem item) override {
    std::lock_guard order(order_);
    std::vector<Frame> frames;
    if (is_put_) {
      if (!item.app_metadata) return arrow::Status::OK();
      frames.push_back(PutResult(*item.app_metadata));
    } else {
      if (!encoder_) {
        ARROW_ASSIGN_OR_RAISE(encoder_, ItemEncoder::Make(nullptr));
      }
      ARROW_ASSIGN_OR_RAISE(frames, encoder_->Encode(item));
    }
    return WriteAll(std::move(frames));
  }

 private:
  /// How a write came out; shared, since its end may come after the writer's.
  struct Pending {
    std::mutex mutex;
    std::condition_variable done;
    int result = -1;
  };

  arrow::Status WriteAll(std::vector<Frame> frames) {
    for (auto& frame : frames) {
      auto pending = std::make_shared<Pending>();
      watch_->Begin();
      call_->Write(std::move(frame), transport::WriteHint::kFlush, [pending](bool ok) {
        std::lock_guard lock(pending->mutex);
        pending->result = ok ? 1 : 0;
        pending->done.notify_all();
      });
      std::unique_lock lock(pending->mutex);
      pending->done.wait(lock, [&] { return pending->result >= 0; });
      const bool in_time = watch_->End();
      if (pending->result == 0 || !in_time) return ClientGone();
      reads_->Restart();
    }
    return arrow::Status::OK();
  }

  std::shared_ptr<transport::Call> call_;
  std::shared_ptr<ClientWatch> watch_;
  std::shared_ptr<ClientWatch> reads_;
  bool is_put_;
  std::mutex order_;
  std::unique_ptr<ItemEncoder> encoder_;
};

/// Items in, one after the other.
class ItemSession : public std::enable_shared_from_this<ItemSession> {
 public:
  ItemSession(OpenCallPtr open, std::shared_ptr<DataReceiver> receiver,
              std::unique_ptr<ItemHandler> handler)
      : open_(std::move(open)),
        receiver_(std::move(receiver)),
        watch_(WatchClient(open_)),
        writer_(open_->call, WatchClient(open_), watch_),
        handler_(std::move(handler)) {
    receiver_->SetWatch(watch_);
  }

  /// Metadata of a first message that has no schema is an item of its own.
  void Start(std::shared_ptr<arrow::Buffer> first_metadata) {
    std::weak_ptr<ItemSession> weak = weak_from_this();
    open_->call->SetCancelCallback([weak] {
      if (auto self = weak.lock()) self->open_->Finish(ClientGone());
    });
    if (first_metadata) return OnItem(StreamItem{nullptr, std::move(first_metadata)});
    Next();
  }

 private:
  void Next() {
    receiver_->ReadItem([self = shared_from_this()](auto item) {
      if (!item.ok()) return self->open_->Finish(item.status());
      self->OnItem(std::move(*item));
    });
  }

  void OnItem(std::optional<StreamItem> item) {
    RunOnPool(open_, [self = shared_from_this(), item = std::move(item)]() -> arrow::Status {
      if (item) {
        ARROW_RETURN_NOT_OK(self->handler_->OnItem(*item, self->writer_));
        self->Next();
        return arrow::Status::OK();
      }
      ARROW_RETURN_NOT_OK(self->handler_->OnEnd(self->writer_));
      self->open_->Finish(arrow::Status::OK());
      return arrow::Status::OK();
    });
  }

  OpenCallPtr open_;
  std::shared_ptr<DataReceiver> receiver_;
  std::shared_ptr<ClientWatch> watch_;  ///< what it sends
  CallItemWriter writer_;
  std::unique_ptr<ItemHandler> handler_;
};

}  // namespace

Frame PutResult(const arrow::Buffer& app_metadata) {
  // Protobuf by hand: field 1, bytes.
  std::string bytes(1, '\x0a');
  auto length = static_cast<uint64_t>(app_metadata.size());
  for (; length >= 0x80; length >>= 7) bytes.push_back(static_cast<char>(length | 0x80));
  bytes.push_back(static_cast<char>(length));
  bytes.append(std::string_view(app_metadata));
  return Frame::FromString(std::move(bytes));
}

void TakeItems(const OpenCallPtr& open, std::shared_ptr<DataReceiver> receiver, ReceivedStart start,
               ItemMethod method) {
  OfferRaw(open,
           [open, receiver = std::move(receiver), start = std::move(start),
            method](FlightMethods& methods) -> arrow::Status {
             StreamStart begin{start.descriptor, start.schema};
             ARROW_ASSIGN_OR_RAISE(auto handler, (methods.*method)(*open->call, begin));
             // Some writers (arrow-go's) repeat on the schema the metadata of the first batch,
             // which would be delivered twice; Arrow's own readers drop it too.
             std::make_shared<ItemSession>(open, receiver, std::move(handler))
                 ->Start(start.schema ? nullptr : start.app_metadata);
             return arrow::Status::OK();
           });
}

}  // namespace longbow::flight
