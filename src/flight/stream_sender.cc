#include "flight/stream_sender.h"

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include <arrow/record_batch.h>

#include <longbow/error.h>

#include "flight/item_encoder.h"

namespace longbow::flight {
namespace {

using transport::Frame;
using transport::WriteHint;

// With fewer bytes waiting, the next are fetched before these go out.
constexpr int64_t kJoinBelowBytes = 64 << 10;
// Of a stored flight, which is all there, so many bytes are taken at a time.
constexpr int64_t kStoredAheadBytes = 2 * transport::kWriteAheadBytes;

/// Pulls frames from a source and writes them one after the other.
///
/// `Produce` asks the source for more; the source appends frames and then calls `Answered`, at once
/// or later, from any thread. A source that answers at once is taken in a loop instead of a
/// recursion.
class Sender : public std::enable_shared_from_this<Sender> {
 public:
  explicit Sender(OpenCallPtr open) : open_(std::move(open)) {}
  virtual ~Sender() = default;

  void Start() {
    std::weak_ptr<Sender> weak = weak_from_this();
    open_->call->SetCancelCallback([weak] {
      if (auto self = weak.lock()) self->End(Cancelled());
    });
    Advance();
  }

 protected:
  /// Makes the next frames; `Answered` or `End` is called once for it.
  virtual void Produce() = 0;
  /// Frees what the source holds, as the call has ended. Called once, by any thread.
  virtual void Release() = 0;

  /// Queues frames. Nothing is sent before the next `Advance` or `Answered`.
  void Append(std::vector<Frame> frames) {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    for (auto& frame : frames) {
      queued_bytes_ += frame.size_bytes();
      frames_.push_back(std::move(frame));
    }
  }

  /// The source has answered; `at_end`: there is no more.
  void Answered(bool at_end) {
    {
      std::lock_guard lock(mutex_);
      at_end_ = at_end_ || at_end;
      producing_ = false;
    }
    Advance();
  }

  void End(const arrow::Status& status) {
    if (!TakeEnd()) return;
    open_->Finish(status);
    Release();
  }

  void Advance();

  const OpenCallPtr& open() const { return open_; }

 private:
  void EndWith(Frame last) {
    if (!TakeEnd()) return;
    open_->call->WriteAndFinish(std::move(last));
    Release();
  }

  /// True for the one who may end the call.
  bool TakeEnd() {
    std::lock_guard lock(mutex_);
    if (ended_) return false;
    ended_ = true;
    frames_.clear();
    return true;
  }

  static arrow::Status Cancelled() {
    return MakeError(ErrorCode::kCommandCancelled, "the reader of this result is gone");
  }

  void Written(bool ok) {
    if (!ok) return End(Cancelled());
    {
      std::lock_guard lock(mutex_);
      writing_ = false;
    }
    Advance();
  }

  OpenCallPtr open_;
  std::mutex mutex_;
  std::deque<Frame> frames_;
  int64_t queued_bytes_ = 0;  // of frames_
  bool advancing_ = false;
  bool look_again_ = false;
  bool writing_ = false;
  bool producing_ = false;
  bool at_end_ = false;
  bool ended_ = false;
};

// Does what can be done now: one thread does it, others leave a note that it has to look again.
void Sender::Advance() {
  std::unique_lock lock(mutex_);
  if (advancing_) {
    look_again_ = true;
    return;
  }
  advancing_ = true;
  do {
    look_again_ = false;
    if (ended_) break;
    if (!producing_ && !at_end_ && queued_bytes_ < kJoinBelowBytes) {
      // While the last frame is on its way the next is being made; small ones go out together.
      producing_ = true;
      lock.unlock();
      Produce();
      lock.lock();
      look_again_ = true;
    } else if (!writing_ && !frames_.empty()) {
      Frame frame = std::move(frames_.front());
      frames_.pop_front();
      queued_bytes_ -= frame.size_bytes();
      // A larger one may wait for its reader, and the call stays open and counted for so long.
      const bool last = at_end_ && frames_.empty() && frame.size_bytes() < kJoinBelowBytes;
      const WriteHint hint = frames_.empty() ? WriteHint::kFlush : WriteHint::kMoreFollows;
      writing_ = true;
      lock.unlock();
      if (last) {
        EndWith(std::move(frame));
      } else {
        open_->call->Write(std::move(frame), hint,
                           [self = shared_from_this()](bool ok) { self->Written(ok); });
      }
      lock.lock();
      look_again_ = true;
    } else if (!writing_ && at_end_) {
      lock.unlock();
      End(arrow::Status::OK());
      lock.lock();
    }
  } while (look_again_);
  advancing_ = false;
}

class StoredSender : public Sender {
 public:
  StoredSender(OpenCallPtr open, std::shared_ptr<const StoredFlight> flight)
      : Sender(std::move(open)), flight_(std::move(flight)), count_(flight_->message_count()) {}

 protected:
  void Produce() override {
    std::vector<Frame> frames;
    for (int64_t bytes = 0; next_ < count_ && bytes < kStoredAheadBytes; ++next_) {
      auto message = flight_->message(next_);
      if (!message.ok()) return End(message.status());
      frames.push_back(Frame::FlightData(message->get(), nullptr));
      bytes += frames.back().size_bytes();
    }
    Append(std::move(frames));
    Answered(next_ >= count_);
  }
  // The flight is immutable, and goes with the sender: `Produce` may be running.
  void Release() override {}

 private:
  std::shared_ptr<const StoredFlight> flight_;
  int64_t count_;
  int64_t next_ = 0;
};

/// Encodes batches, schema first.
class Encoding {
 public:
  static arrow::Result<std::unique_ptr<Encoding>> Make(std::shared_ptr<arrow::Schema> schema,
                                                       const IpcEncoderOptions& options) {
    auto encoding = std::unique_ptr<Encoding>(new Encoding());
    ARROW_ASSIGN_OR_RAISE(encoding->encoder_, IpcEncoder::Make(std::move(schema), options));
    ARROW_ASSIGN_OR_RAISE(auto message, encoding->encoder_->EncodeSchema());
    encoding->ready_.push_back(Frame::FlightData(&message, nullptr));
    return encoding;
  }

  /// A null batch is the end.
  arrow::Status Add(std::shared_ptr<arrow::RecordBatch> batch) {
    std::vector<IpcMessage> messages;
    if (batch) {
      ARROW_RETURN_NOT_OK(encoder_->Encode(std::move(batch), &messages));
    } else {
      ARROW_RETURN_NOT_OK(encoder_->Flush(&messages));
    }
    for (auto& message : messages) ready_.push_back(Frame::FlightData(&message, nullptr));
    return arrow::Status::OK();
  }

  arrow::Status Flush() { return Add(nullptr); }
  bool has_frames() const { return !ready_.empty(); }
  std::vector<Frame> TakeFrames() { return std::exchange(ready_, {}); }

 private:
  Encoding() = default;
  std::unique_ptr<IpcEncoder> encoder_;
  std::vector<Frame> ready_;
};

class TaskSender : public Sender {
 public:
  TaskSender(OpenCallPtr open, std::unique_ptr<Task::Reader> reader,
             std::unique_ptr<Encoding> encoding)
      : Sender(std::move(open)), reader_(std::move(reader)), encoding_(std::move(encoding)) {}

 protected:
  void Produce() override {
    std::shared_ptr<Task::Reader> reader;
    {
      std::lock_guard lock(mutex_);
      reader = reader_;
      // The first round sends the schema: a client sees it even if data takes its time.
      if (encoding_->has_frames()) Append(encoding_->TakeFrames());
    }
    if (reader == nullptr) return;  // released: the call has ended
    auto self = std::static_pointer_cast<TaskSender>(shared_from_this());
    answered_ = false;
    reader->Next([self](arrow::Result<std::shared_ptr<arrow::RecordBatch>> batch) {
      self->OnBatch(std::move(batch));
    });
    if (answered_) return;
    // Nothing is ready now: what was kept back goes out, so that a slow result arrives as it grows.
    {
      std::lock_guard lock(mutex_);
      if (auto status = encoding_->Flush(); status.ok()) Append(encoding_->TakeFrames());
    }
    Advance();
  }

  void Release() override {
    std::shared_ptr<Task::Reader> dropped;  // destroyed outside the lock: it may cancel the task
    std::lock_guard lock(mutex_);
    dropped.swap(reader_);
  }

 private:
  void OnBatch(arrow::Result<std::shared_ptr<arrow::RecordBatch>> batch) {
    answered_ = true;
    if (!batch.ok()) return End(batch.status());
    const bool at_end = *batch == nullptr;
    arrow::Status status;
    {
      // Encoding and queueing are one step, so that a flush on another thread keeps the order.
      std::lock_guard lock(mutex_);
      status = encoding_->Add(std::move(*batch));
      if (status.ok()) Append(encoding_->TakeFrames());
    }
    if (!status.ok()) return End(status);
    Answered(at_end);
  }

  std::mutex mutex_;
  std::shared_ptr<Task::Reader> reader_;
  std::unique_ptr<Encoding> encoding_;
  std::atomic<bool> answered_{false};
};

/// A source that may block: each round runs on the pool.
class PoolSender : public Sender {
 public:
  using Sender::Sender;

 protected:
  /// Appends frames; true at the end. May block.
  virtual arrow::Result<bool> Step() = 0;

  void Produce() override {
    auto self = std::static_pointer_cast<PoolSender>(shared_from_this());
    auto queued = RunSoon(*open(), [self] {
      bool at_end = false;
      auto status = Guard(*self->open()->node->parts.logger, "a stream's source",
                          [&] { return self->Step().Value(&at_end); });
      if (!status.ok()) return self->End(status);
      self->Answered(at_end);
    });
    if (!queued.ok()) End(queued);
  }

  // The source goes with the sender: a step may be using it.
  void Release() override {}
};

class ReaderSender : public PoolSender {
 public:
  ReaderSender(OpenCallPtr open, std::shared_ptr<arrow::RecordBatchReader> reader,
               std::unique_ptr<Encoding> encoding)
      : PoolSender(std::move(open)), reader_(std::move(reader)), encoding_(std::move(encoding)) {}

 protected:
  arrow::Result<bool> Step() override {
    std::shared_ptr<arrow::RecordBatch> batch;
    bool at_end = false;
    while (!encoding_->has_frames() && !at_end) {
      ARROW_RETURN_NOT_OK(reader_->ReadNext(&batch));
      at_end = batch == nullptr;
      ARROW_RETURN_NOT_OK(encoding_->Add(std::move(batch)));
    }
    Append(encoding_->TakeFrames());
    return at_end;
  }

 private:
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  std::unique_ptr<Encoding> encoding_;
};

class ItemSender : public PoolSender {
 public:
  ItemSender(OpenCallPtr open, std::unique_ptr<ItemStream> items)
      : PoolSender(std::move(open)), items_(std::move(items)) {}

 protected:
  arrow::Result<bool> Step() override {
    std::vector<Frame> frames;
    if (encoder_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(encoder_, ItemEncoder::Make(items_->schema()));
      ARROW_ASSIGN_OR_RAISE(frames, encoder_->Start());
      Append(std::move(frames));
      return false;
    }
    ARROW_ASSIGN_OR_RAISE(auto item, items_->Next());
    if (!item) return true;
    ARROW_ASSIGN_OR_RAISE(frames, encoder_->Encode(*item));
    Append(std::move(frames));
    return false;
  }

 private:
  std::unique_ptr<ItemStream> items_;
  std::unique_ptr<ItemEncoder> encoder_;
};

class FrameSender : public Sender {
 public:
  FrameSender(OpenCallPtr open, std::vector<Frame> frames)
      : Sender(std::move(open)), frames_(std::move(frames)) {}

 protected:
  void Produce() override {
    Append(std::exchange(frames_, {}));
    Answered(true);
  }
  void Release() override {}

 private:
  std::vector<Frame> frames_;
};

/// Starts a sender that encodes with `options`, or ends the call.
template <typename SenderType, typename Source>
void StartEncoding(OpenCallPtr open, Source source, const IpcEncoderOptions& options) {
  auto encoding = Encoding::Make(source->schema(), options);
  if (!encoding.ok()) return open->Finish(encoding.status());
  std::make_shared<SenderType>(std::move(open), std::move(source), std::move(*encoding))->Start();
}

}  // namespace

arrow::Result<IpcEncoderOptions> EncodingOf(const CallContext& call) {
  IpcEncoderOptions options;
  if (auto value = call.FindHeader("x-longbow-compression")) {
    if (*value == "lz4") {
      options.compression = WireCompression::kLz4;
    } else if (*value == "zstd") {
      options.compression = WireCompression::kZstd;
    } else if (*value != "none") {
      return MakeError(ErrorCode::kBadArgument,
                       "the header x-longbow-compression is none, lz4 or zstd");
    }
  }
  if (auto value = call.FindHeader("x-longbow-dictionaries")) {
    if (*value == "decode") {
      options.decode_dictionaries = true;
    } else if (*value != "keep") {
      return MakeError(ErrorCode::kBadArgument,
                       "the header x-longbow-dictionaries is keep or decode");
    }
  }
  return options;
}

bool IsStoredForm(const IpcEncoderOptions& options) {
  return options.compression == WireCompression::kNone && !options.decode_dictionaries;
}

void SendStored(OpenCallPtr open, std::shared_ptr<const StoredFlight> flight) {
  std::make_shared<StoredSender>(std::move(open), std::move(flight))->Start();
}

void SendTask(OpenCallPtr open, std::unique_ptr<Task::Reader> reader,
              const IpcEncoderOptions& options) {
  StartEncoding<TaskSender>(std::move(open), std::move(reader), options);
}

void SendReader(OpenCallPtr open, std::shared_ptr<arrow::RecordBatchReader> reader,
                const IpcEncoderOptions& options) {
  StartEncoding<ReaderSender>(std::move(open), std::move(reader), options);
}

void SendItems(OpenCallPtr open, std::unique_ptr<ItemStream> items) {
  std::make_shared<ItemSender>(std::move(open), std::move(items))->Start();
}

void SendFrames(OpenCallPtr open, std::vector<Frame> frames) {
  std::make_shared<FrameSender>(std::move(open), std::move(frames))->Start();
}

}  // namespace longbow::flight
