#include "transport/echo_handler.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>

#include <arrow/api.h>
#include <arrow/flight/types.h>

#include <longbow/error.h>
#include <longbow/ipc_encoder.h>
#include <longbow/principal.h>

namespace longbow::transport {
namespace {

namespace flight = arrow::flight;

constexpr int64_t kGetMessageBytes = 64 * 1024;

/// Each message of a stream of bytes back.
class BytesEcho : public std::enable_shared_from_this<BytesEcho> {
 public:
  explicit BytesEcho(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  void Next() {
    call_->ReadBytes([self = shared_from_this()](ReadOutcome outcome, std::string bytes) {
      if (outcome != ReadOutcome::kMessage) return self->call_->Finish(arrow::Status::OK());
      self->call_->Write(Frame::FromString(std::move(bytes)), WriteHint::kFlush, [self](bool ok) {
        if (ok) self->Next();
      });
    });
  }

 private:
  const std::shared_ptr<Call> call_;
};

/// DoPut and DoExchange.
class DataEcho : public std::enable_shared_from_this<DataEcho> {
 public:
  DataEcho(std::shared_ptr<Call> call, EventLog* events)
      : call_(std::move(call)), events_(events) {}

  void Next() {
    call_->ReadData(
        [self = shared_from_this()](ReadOutcome outcome, arrow::Result<FlightDataMessage> message) {
          self->Take(outcome, std::move(message));
        });
  }

 private:
  void Take(ReadOutcome outcome, arrow::Result<FlightDataMessage> message) {
    if (outcome == ReadOutcome::kEnd) {
      events_->Add("put end");
      return call_->Finish(arrow::Status::OK());
    }
    if (outcome == ReadOutcome::kBroken) {
      events_->Add("put broken");
      return call_->Finish(arrow::Status::Cancelled("broken"));
    }
    if (!message.ok()) return call_->Finish(message.status());
    events_->Add("put message");
    Frame frame = call_->method() == Method::kDoExchange ? Back(*message) : Acknowledge(*message);
    call_->Write(std::move(frame), WriteHint::kFlush, [self = shared_from_this()](bool ok) {
      if (!ok) self->events_->Add("write broken");
      self->Next();  // of a broken call, this tells how its other direction ended
    });
  }

  static Frame Back(const FlightDataMessage& message) {
    if (message.header == nullptr) return Frame::FlightData(nullptr, message.app_metadata);
    IpcMessage ipc;
    ipc.metadata = message.header;
    if (message.body != nullptr) {
      ipc.body = {message.body};
      ipc.body_bytes = message.body->size();
    }
    return Frame::FlightData(&ipc, message.app_metadata);
  }

  // A PutResult is a message whose first field is the metadata.
  static Frame Acknowledge(const FlightDataMessage& message) {
    const std::string text = std::to_string(message.body == nullptr ? 0 : message.body->size());
    return Frame::FromString("\x0a" + std::string(1, static_cast<char>(text.size())) + text);
  }

  const std::shared_ptr<Call> call_;
  EventLog* const events_;
};

class FrameSender : public std::enable_shared_from_this<FrameSender> {
 public:
  FrameSender(std::shared_ptr<Call> call, std::vector<Frame> frames, bool repeat, EventLog* events)
      : call_(std::move(call)), frames_(std::move(frames)), repeat_(repeat), events_(events) {}

  void Next() {
    if (next_ == frames_.size()) {
      if (!repeat_) return call_->Finish(arrow::Status::OK());
      next_ = 1;  // the schema comes once
    }
    const WriteHint hint =
        repeat_ || next_ + 1 < frames_.size() ? WriteHint::kMoreFollows : WriteHint::kFlush;
    call_->Write(frames_[next_++], hint, [self = shared_from_this()](bool ok) {
      if (ok) return self->Next();
      self->events_->Add("write broken");
    });
  }

 private:
  const std::shared_ptr<Call> call_;
  const std::vector<Frame> frames_;
  const bool repeat_;
  EventLog* const events_;
  size_t next_ = 0;
};

flight::FlightInfo InfoOf(const flight::FlightDescriptor& descriptor) {
  return flight::FlightInfo::Make(*arrow::schema({arrow::field("a", arrow::int64())}), descriptor,
                                  {}, 7, 11)
      .ValueOrDie();
}

// A schema, and `batches` batches of 64 KiB.
std::vector<Frame> GetFrames(int batches) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < kGetMessageBytes / 8; ++i) (void)builder.Append(i);
  const auto batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("a", arrow::int64())}),
                               kGetMessageBytes / 8, {builder.Finish().ValueOrDie()});
  auto encoder = IpcEncoder::Make(batch->schema()).ValueOrDie();
  const IpcMessage schema = encoder->EncodeSchema().ValueOrDie();
  std::vector<IpcMessage> messages;
  if (!encoder->Encode(batch, &messages).ok() || !encoder->Flush(&messages).ok()) return {};
  std::vector<Frame> frames(batches, Frame::FlightData(&messages[0], nullptr));
  frames.insert(frames.begin(), Frame::FlightData(&schema, nullptr));
  return frames;
}

}  // namespace

void EventLog::Add(std::string event) {
  std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  changed_.notify_all();
}

bool EventLog::WaitFor(const std::string& event, int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(30), [&] {
    return std::count(events_.begin(), events_.end(), event) >= count;
  });
}

int EventLog::Count(const std::string& event) {
  std::lock_guard lock(mutex_);
  return static_cast<int>(std::count(events_.begin(), events_.end(), event));
}

void SendFrames(std::shared_ptr<Call> call, std::vector<Frame> frames, bool repeat,
                EventLog* events) {
  std::make_shared<FrameSender>(std::move(call), std::move(frames), repeat, events)->Next();
}

EchoHandler::EchoHandler() = default;
EchoHandler::~EchoHandler() = default;

std::shared_ptr<Call> EchoHandler::TakeHeld() {
  std::lock_guard lock(mutex_);
  return std::exchange(held_, nullptr);
}

void EchoHandler::Serve(std::shared_ptr<Call> call) {
  call->Identify(std::make_shared<const Principal>());
  if (call->FindHeader("x-throw-at-once")) throw std::runtime_error("thrown on purpose");
  switch (call->method()) {
    case Method::kHandshake:
      return std::make_shared<BytesEcho>(std::move(call))->Next();
    case Method::kDoPut:
    case Method::kDoExchange:
      return std::make_shared<DataEcho>(std::move(call), &events_)->Next();
    default:
      return ServeUnary(std::move(call));
  }
}

void EchoHandler::ServeUnary(std::shared_ptr<Call> call) {
  call->ReadBytes([this, call](ReadOutcome outcome, std::string bytes) {
    if (outcome != ReadOutcome::kMessage) {
      return call->Finish(MakeError(ErrorCode::kBadArgument, "no request"));
    }
    switch (call->method()) {
      case Method::kDoGet: {
        const auto ticket = flight::Ticket::Deserialize(bytes);
        if (!ticket.ok()) return call->Finish(ticket.status());
        if (ticket->ticket == "forever") return SendFrames(call, GetFrames(1), true, &events_);
        if (!ticket->ticket.starts_with("x")) return Answer(call, ticket->ticket);
        return SendFrames(call, GetFrames(std::stoi(ticket->ticket.substr(1))), false, &events_);
      }
      case Method::kDoAction: {
        const auto action = flight::Action::Deserialize(bytes);
        if (!action.ok()) return call->Finish(action.status());
        const flight::Result result{action->body};
        return SendFrames(call, {Frame::FromString(result.SerializeToString().ValueOrDie())}, false,
                          &events_);
      }
      case Method::kListActions: {
        const flight::ActionType type{"echo", "gives back its body"};
        return SendFrames(call, {Frame::FromString(type.SerializeToString().ValueOrDie())}, false,
                          &events_);
      }
      case Method::kListFlights: {
        const auto info = InfoOf(flight::FlightDescriptor::Path({"a", "b"}));
        const Frame frame = Frame::FromString(info.SerializeToString().ValueOrDie());
        return SendFrames(call, {frame, frame, frame}, false, &events_);
      }
      default: {
        const auto descriptor = flight::FlightDescriptor::Deserialize(bytes);
        if (!descriptor.ok()) {
          return call->Finish(MakeError(ErrorCode::kBadArgument, "no descriptor"));
        }
        return Answer(call, descriptor->cmd);
      }
    }
  });
}

void EchoHandler::Answer(std::shared_ptr<Call> call, const std::string& command) {
  if (command.starts_with("error ")) {
    return call->Finish(MakeError(static_cast<ErrorCode>(std::stoi(command.substr(6))),
                                  "the message", "the detail", std::string("bo\0dy", 5)));
  }
  if (command == "hang") {
    call->SetCancelCallback([this] { events_.Add("cancelled"); });
    std::lock_guard lock(mutex_);
    held_ = call;
    events_.Add("hanging");
    return;
  }
  if (command == "drop") return;
  if (command == "throw") throw std::runtime_error("thrown on purpose");
  if (command == "deadline") {
    return call->Finish(MakeError(ErrorCode::kUnknown, call->deadline() ? "some" : "none"));
  }
  if (command == "headers") {
    for (const auto& [name, value] : call->headers()) {
      if (name.starts_with("x-test")) call->AddResponseHeader("X-Back" + name.substr(6), value);
    }
    call->AddResponseHeader("grpc-status", "3");   // not ours to set
    call->AddResponseHeader("bad name", "value");  // no header at all
    call->AddResponseHeader("x-bad-value", "line\nbreak");
  }
  const auto info = InfoOf(flight::FlightDescriptor::Command(command));
  if (call->method() == Method::kGetSchema) {
    const auto schema = flight::SchemaResult::Make(*info.GetSchema(nullptr).ValueOrDie());
    return call->WriteAndFinish(Frame::FromString((*schema)->SerializeToString().ValueOrDie()));
  }
  if (call->method() == Method::kPollFlightInfo) {
    const flight::PollInfo poll(std::make_unique<flight::FlightInfo>(info), std::nullopt, 0.5,
                                std::nullopt);
    return call->WriteAndFinish(Frame::FromString(poll.SerializeToString().ValueOrDie()));
  }
  call->WriteAndFinish(Frame::FromString(info.SerializeToString().ValueOrDie()));
}

}  // namespace longbow::transport
