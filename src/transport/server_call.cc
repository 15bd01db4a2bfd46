#include "transport/server_call.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <utility>

#include <grpc/grpc.h>
#include <grpc/support/time.h>

#include <longbow/error.h>

#include "transport/grpc_bytes.h"
#include "transport/peer_certificate.h"
#include "transport/wire_error.h"

namespace longbow::transport {
namespace {

// How long the end of a failed call waits for a client to take what was being written to it.
constexpr std::chrono::seconds kStalledFinishLimit{1};
// A call that ended well before its client had sent all is over when nothing has come for so long
// (the client waits for the end before it ends its side), and at last when it has sent for so long.
constexpr std::chrono::seconds kLingerQuiet{1};
constexpr std::chrono::minutes kLingerLimit{10};
// gRPC clients begin to drop what has more than 8 KiB of header fields.
constexpr size_t kMaxResponseHeaderBytes = 4096;
constexpr size_t kMaxGrpcMessageBytes = 512;
// Clients can ask for thousands of years, which nanoseconds cannot count.
constexpr int64_t kMaxDeadlineSec = int64_t{10} * 365 * 24 * 3600;

constexpr char kArrowStatusTrailer[] = "x-arrow-status";
constexpr char kArrowMessageTrailer[] = "x-arrow-status-message-bin";

// Undoes the URI encoding in which gRPC gives addresses ("ipv6:%5B::1%5D:5").
std::string DecodePercent(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::optional<MonotonicTime> ToMonotonic(gpr_timespec deadline) {
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return std::nullopt;
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  if (left.tv_sec > kMaxDeadlineSec) return std::nullopt;
  return MonotonicTime::clock::now() + std::chrono::seconds(left.tv_sec) +
         std::chrono::nanoseconds(left.tv_nsec);
}

bool IsLegalHeader(const std::string& name, std::string_view value) {
  if (name.starts_with("grpc-") || name == "content-type" || name == "te") return false;
  const auto slice = [](std::string_view text) {
    return grpc_slice_from_static_buffer(text.data(), text.size());
  };
  if (grpc_header_key_is_legal(slice(name)) == 0) return false;
  return name.ends_with("-bin") || grpc_header_nonbin_value_is_legal(slice(value)) != 0;
}

// At most `max_bytes` of the message as gRPC writes it, with three bytes for each that is not
// plain.
std::string CutForGrpc(const std::string& message, size_t max_bytes) {
  size_t cost = 0;
  for (size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    cost += c >= 0x20 && c <= 0x7e && c != '%' ? 1 : 3;
    if (cost > max_bytes) {
      while (i > 0 && (message[i] & 0xC0) == 0x80) --i;  // not within a character
      return message.substr(0, i);
    }
  }
  return message;
}

// The number that Arrow's clients give their status; each of these has the same value in all
// versions.
std::string ArrowStatusNumber(const arrow::Status& status) {
  const auto code =
      status.code() == arrow::StatusCode::OK ? arrow::StatusCode::UnknownError : status.code();
  return std::to_string(static_cast<int>(code));
}

}  // namespace

std::shared_ptr<Call> ServerCall::Open(std::shared_ptr<CallHost> host,
                                       std::unique_ptr<RpcStream> stream, Method method,
                                       ServerCallOptions options) {
  auto* call = new ServerCall(std::move(host), std::move(stream), method, options);
  return std::shared_ptr<Call>(call, [](Call* c) { static_cast<ServerCall*>(c)->HandleDropped(); });
}

void ServerCall::Serve(const std::shared_ptr<Call>& call, CallHandler* handler) {
  static_cast<ServerCall*>(call.get())->Run([&] { handler->Serve(call); });
}

ServerCall::ServerCall(std::shared_ptr<CallHost> host, std::unique_ptr<RpcStream> stream,
                       Method method, ServerCallOptions options)
    : host_(std::move(host)),
      method_(method),
      counted_(options.counted),
      principal_(host_->anonymous),
      stream_(std::move(stream)) {
  stream_->Listen(this);
  TakeRequestMetadata(options.keep_headers);
  stream_->context().AddInitialMetadata(std::string(kRequestIdHeader), request_id_);
  if (!counted_) return;
  BeginTrace();
  if (host_->observer != nullptr) host_->observer->OnBegin(method_);
}

void ServerCall::TakeRequestMetadata(bool keep_headers) {
  const grpc::GenericServerContext& context = stream_->context();
  if (keep_headers) {
    for (const auto& [name, value] : context.client_metadata()) {
      headers_.emplace(std::string(name.data(), name.size()),
                       std::string(value.data(), value.size()));
    }
  }
  grpc_peer_ = context.peer();
  peer_ = DecodePercent(grpc_peer_);
  certificate_ = ReadPeerCertificate(context);
  deadline_ = ToMonotonic(context.raw_deadline());
  const auto asked = FindHeader(kRequestIdHeader);
  request_id_ = asked && IsRequestId(*asked) ? std::string(*asked) : host_->request_ids.Next();
}

void ServerCall::AddResponseHeader(std::string_view name, std::string_view value) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (lower == kRequestIdHeader || !IsLegalHeader(lower, value)) return;
  std::lock_guard lock(mutex_);
  const size_t bytes = lower.size() + value.size() + 32;  // as HTTP/2 counts them
  if (finished_ || response_header_bytes_ + bytes > kMaxResponseHeaderBytes) return;
  response_header_bytes_ += bytes;
  if (headers_sent_) {
    stream_->context().AddTrailingMetadata(lower, std::string(value));
  } else {
    stream_->context().AddInitialMetadata(lower, std::string(value));
  }
}

void ServerCall::ReadBytes(BytesCallback done) {
  std::lock_guard lock(mutex_);
  if (AwaitMessage()) {
    bytes_done_ = std::move(done);
    return;
  }
  RunSoon([done = std::move(done)] { done(ReadOutcome::kBroken, {}); });
}

void ServerCall::ReadData(DataCallback done) {
  std::lock_guard lock(mutex_);
  if (AwaitMessage()) {
    data_done_ = std::move(done);
    return;
  }
  RunSoon([done = std::move(done)] { done(ReadOutcome::kBroken, FlightDataMessage{}); });
}

bool ServerCall::AwaitMessage() {
  if (finished_ || bytes_done_ || data_done_) return false;
  if (!read_ahead_) {
    if (!reading_) {
      reading_ = true;
      stream_->StartRead(&read_buffer_);
      BeginRequestWatch();
    }
  } else if (!delivering_) {
    delivering_ = true;
    RunSoon([this] { Deliver(); });
  }
  return true;
}

void ServerCall::Count(const Frame& frame) {
  statistics_.sent_bytes.fetch_add(frame.size_bytes(), std::memory_order_relaxed);
  if (frame.rows() > 0) statistics_.sent_rows.fetch_add(frame.rows(), std::memory_order_relaxed);
}

void ServerCall::Write(Frame frame, WriteHint hint, std::function<void(bool)> done) {
  grpc::ByteBuffer buffer;
  if (frame.size_bytes() > std::numeric_limits<int32_t>::max()) {
    FinishOnce(MakeError(ErrorCode::kInternalError,
                         "A message of 2 GiB or more cannot be sent; ask for smaller batches"));
  } else {
    Count(frame);
    buffer = ToByteBuffer(std::move(frame));
  }
  std::lock_guard lock(mutex_);
  if (finished_ || writing_) return RunSoon([done = std::move(done)] { done(false); });
  grpc::WriteOptions options;
  // The headers go with the first message. gRPC would be done with it only when the headers are
  // out, and would keep them back for what follows.
  if (hint == WriteHint::kMoreFollows && headers_sent_) options.set_buffer_hint();
  writing_ = true;
  headers_sent_ = true;
  write_done_ = std::move(done);
  write_buffer_.Swap(&buffer);
  stream_->StartWrite(write_buffer_, options);
}

void ServerCall::SetCancelCallback(std::function<void()> callback) {
  std::function<void()> dropped;  // is destroyed without the lock
  std::lock_guard lock(mutex_);
  if (cancelled()) {
    if (callback) RunSoon(std::move(callback));
    return;
  }
  if (!finished_) dropped = std::exchange(cancel_callback_, std::move(callback));
}

void ServerCall::Finish(const arrow::Status& status) { FinishOnce(status); }

void ServerCall::FinishOnce(const arrow::Status& status) {
  if (status.ok()) {
    std::function<void()> dropped;
    std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = true;
    dropped.swap(cancel_callback_);
    if (CutsOffClient()) return Linger();
    stream_->StartFinish(grpc::Status::OK);
    return;
  }
  const WireError wire = ToWire(status);
  grpc::Status grpc_status(static_cast<grpc::StatusCode>(wire.grpc_code),
                           CutForGrpc(wire.message, kMaxGrpcMessageBytes), wire.extra_info);
  std::function<void()> dropped;  // is destroyed after the lock is given up
  std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  end_ = status;
  dropped.swap(cancel_callback_);
  // With these two, Arrow's clients show the message as it is and always give out the error JSON;
  // without, they do so for some of gRPC's codes only.
  stream_->context().AddTrailingMetadata(kArrowStatusTrailer, ArrowStatusNumber(status));
  stream_->context().AddTrailingMetadata(kArrowMessageTrailer, wire.message);
  stream_->StartFinish(grpc_status);
  if (writing_) CancelIfStalled();
}

void ServerCall::CancelIfStalled() {
  refs_.fetch_add(1, std::memory_order_relaxed);
  host_->timer->Schedule(MonotonicTime::clock::now() + kStalledFinishLimit, [this] {
    {
      std::lock_guard lock(mutex_);
      if (writing_ && stream_ != nullptr) stream_->context().TryCancel();
    }
    Unref();
  });
}

bool ServerCall::CutsOffClient() const {
  return (method_ == Method::kDoPut || method_ == Method::kDoExchange) && !client_ended_ &&
         !cancelled();
}

void ServerCall::Linger() {
  lingering_ = true;
  read_ahead_.reset();
  if (bytes_done_)
    RunSoon([done = std::exchange(bytes_done_, nullptr)] { done(ReadOutcome::kBroken, {}); });
  if (data_done_)
    RunSoon([done = std::exchange(data_done_, nullptr)] {
      done(ReadOutcome::kBroken, FlightDataMessage{});
    });
  if (!reading_) {
    reading_ = true;
    stream_->StartRead(&read_buffer_);
  }
  linger_until_ = MonotonicTime::clock::now() + kLingerLimit;
  LimitLinger();
}

void ServerCall::LimitLinger() {
  refs_.fetch_add(1, std::memory_order_relaxed);
  host_->timer->Schedule(
      MonotonicTime::clock::now() + kLingerQuiet, [this, seen = dropped_messages_] {
        {
          std::lock_guard lock(mutex_);
          const bool quiet = dropped_messages_ == seen;
          if (lingering_ && !quiet && MonotonicTime::clock::now() < linger_until_) {
            LimitLinger();
          } else {
            StopLinger();
          }
        }
        Unref();
      });
}

void ServerCall::StopLinger() {
  linger_over_ = true;
  EndIfDue();
}

void ServerCall::EndIfDue() {
  if (!lingering_ || !linger_over_ || writing_) return;
  lingering_ = false;
  stream_->StartFinish(grpc::Status::OK);
}

void ServerCall::RunSoon(std::function<void()> callback) {
  refs_.fetch_add(1, std::memory_order_relaxed);
  // A server that shuts down waits for it.
  RpcStream* const stream = stream_ != nullptr && stream_->TryRetain() ? stream_.get() : nullptr;
  host_->timer->Schedule(MonotonicTime::clock::now(),
                         [this, stream, callback = std::move(callback)]() mutable {
                           Run(callback);
                           callback = nullptr;
                           if (stream != nullptr) stream->Release();
                           Unref();
                         });
}

void ServerCall::WriteAndFinish(Frame frame) {
  if (frame.size_bytes() > std::numeric_limits<int32_t>::max()) {
    FinishOnce(MakeError(ErrorCode::kInternalError, "An answer of 2 GiB or more cannot be sent"));
    return;
  }
  Count(frame);
  grpc::ByteBuffer buffer = ToByteBuffer(std::move(frame));
  {
    std::function<void()> dropped;
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!writing_) {
      finished_ = true;
      dropped.swap(cancel_callback_);
      write_buffer_.Swap(&buffer);
      if (!CutsOffClient()) {
        stream_->StartWriteAndFinish(write_buffer_, grpc::WriteOptions(), grpc::Status::OK);
        return;
      }
      writing_ = true;
      headers_sent_ = true;
      stream_->StartWrite(write_buffer_, grpc::WriteOptions());
      Linger();
      return;
    }
  }
  FinishOnce(
      MakeError(ErrorCode::kInternalError, "An answer was sent while another was under way"));
}

bool ServerCall::ConfirmEnd() {
  if (finished_ || confirming_end_ || stream_->context().IsCancelled()) return false;
  confirming_end_ = true;
  read_buffer_.Clear();
  stream_->StartRead(&read_buffer_);
  return true;
}

ReadOutcome ServerCall::OutcomeOf(bool ok) const {
  if (confirming_end_)
    return ok || stream_->context().IsCancelled() ? ReadOutcome::kBroken : ReadOutcome::kEnd;
  return ok ? ReadOutcome::kMessage : ReadOutcome::kBroken;
}

void ServerCall::BeginRequestWatch() {
  if (request_ != Request::kNotAskedFor) return;
  request_ = Request::kAwaited;
  refs_.fetch_add(1, std::memory_order_relaxed);
  host_->request_watch->Begin(this);
}

void ServerCall::EndRequestWatch() {
  if (request_ != Request::kAwaited) return;
  request_ = Request::kRead;
  // gRPC has a reference still.
  if (host_->request_watch->End(this)) Unref();
}

void ServerCall::OnRequestOverdue() {
  const auto limit = std::chrono::ceil<std::chrono::seconds>(host_->request_watch->limit());
  FinishOnce(MakeError(ErrorCode::kTimeout,
                       "The call's first message did not come within " +
                           std::to_string(limit.count()) +
                           " s (request_timeout_sec of [server]); send it with the call"));
  Unref();
}

void ServerCall::OnReadDone(bool ok) {
  grpc::ByteBuffer dropped;  // goes without the lock
  {
    std::lock_guard lock(mutex_);
    EndRequestWatch();
    if (!ok) client_ended_ = true;
    if (lingering_) {
      if (!ok) {
        reading_ = false;
        return StopLinger();
      }
      ++dropped_messages_;
      dropped.Swap(&read_buffer_);
      return stream_->StartRead(&read_buffer_);
    }
    if (!ok && ConfirmEnd()) return;
    reading_ = false;
    read_ahead_.emplace();
    read_ahead_->outcome = finished_ ? ReadOutcome::kBroken : OutcomeOf(ok);
    read_ahead_->buffer.Swap(&read_buffer_);
    confirming_end_ = false;
    if (delivering_) return;  // that thread looks again before it leaves
    delivering_ = true;
  }
  Deliver();
}

void ServerCall::Deliver() {
  while (true) {
    BytesCallback bytes_done;
    DataCallback data_done;
    ReadMessage message;
    {
      std::lock_guard lock(mutex_);
      if (!read_ahead_ || (!bytes_done_ && !data_done_)) {
        delivering_ = false;
        return;
      }
      bytes_done.swap(bytes_done_);
      data_done.swap(data_done_);
      message.outcome = finished_ ? ReadOutcome::kBroken : read_ahead_->outcome;
      message.buffer.Swap(&read_ahead_->buffer);
      statistics_.received_bytes.fetch_add(static_cast<int64_t>(message.buffer.Length()),
                                           std::memory_order_relaxed);
      read_ahead_.reset();
      // While the handler works on one message of a stream, gRPC receives the next: without a read
      // under way it stops at its window, which is smaller than a message.
      if (data_done && message.outcome == ReadOutcome::kMessage) {
        reading_ = true;
        stream_->StartRead(&read_buffer_);
      }
    }
    if (message.buffer.Length() > static_cast<uint64_t>(host_->max_message_bytes)) {
      FinishOnce(MakeError(ErrorCode::kResourceExhausted,
                           "A message of " + std::to_string(message.buffer.Length()) +
                               " bytes is larger than this server takes (" +
                               std::to_string(host_->max_message_bytes) +
                               "); send smaller batches"));
      message = ReadMessage();
    }
    if (bytes_done) {
      Deliver(bytes_done, std::move(message));
    } else {
      Deliver(data_done, std::move(message));
    }
  }
}

void ServerCall::Deliver(const BytesCallback& done, ReadMessage message) {
  std::string bytes;
  if (message.outcome == ReadOutcome::kMessage) {
    auto text = ToString(message.buffer);
    if (text.ok()) {
      bytes = *std::move(text);
    } else {
      FinishOnce(text.status());
      message.outcome = ReadOutcome::kBroken;
    }
  }
  message.buffer.Clear();
  Run(done, message.outcome, std::move(bytes));
}

void ServerCall::Deliver(const DataCallback& done, ReadMessage message) {
  arrow::Result<FlightDataMessage> data = FlightDataMessage{};
  if (message.outcome == ReadOutcome::kMessage) {
    data = ToFlightData(message.buffer, host_->memory_pool);
  }
  message.buffer.Clear();  // gRPC's memory goes before the handler goes on
  Run(done, message.outcome, std::move(data));
}

void ServerCall::OnWriteDone(bool ok) {
  std::function<void(bool)> done;
  grpc::ByteBuffer buffer;
  bool finished = false;
  {
    std::lock_guard lock(mutex_);
    writing_ = false;
    done.swap(write_done_);
    // After WriteAndFinish the buffer is that of the last message; no write was under way then.
    buffer.Swap(&write_buffer_);
    finished = finished_;
    EndIfDue();
  }
  buffer.Clear();
  if (done) Run(done, ok && !finished);
}

void ServerCall::OnCancel() {
  std::function<void()> callback;
  {
    std::lock_guard lock(mutex_);
    cancelled_.store(true, std::memory_order_release);
    callback.swap(cancel_callback_);
    StopLinger();
  }
  if (callback) Run(callback);
  // Nothing can reach the client any more. Ending the call here lets gRPC be through with it,
  // however long the handler takes to notice.
  FinishOnce(MakeError(ErrorCode::kCommandCancelled, "The call was cancelled"));
}

void ServerCall::OnDone() {
  std::unique_ptr<RpcStream> stream;  // goes without the lock
  {
    std::lock_guard lock(mutex_);
    stream = std::move(stream_);
    write_buffer_.Clear();
    read_buffer_.Clear();
    // Somebody may wait for it, and gets to know that the call is over.
    if (read_ahead_) read_ahead_->buffer.Clear();
  }
  stream.reset();
  if (counted_) TellEnd();
  const std::shared_ptr<CallHost> host = host_;
  const bool counted = counted_;
  Unref();
  host->on_done(counted);
}

void ServerCall::HandleDropped() {
  bool finished = false;
  {
    std::lock_guard lock(mutex_);
    finished = finished_;
  }
  if (!finished) {
    FinishOnce(
        MakeError(ErrorCode::kInternalError, "The server gave up the call without an answer"));
  }
  Unref();
}

void ServerCall::Unref() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

template <typename Callback, typename... Args>
void ServerCall::Run(const Callback& callback, Args&&... args) {
  std::string what;
  try {
    callback(std::forward<Args>(args)...);
    return;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  logger().Error("A callback of a call threw an exception; the call ends",
                 {{"method", std::string(MethodName(method_))}, {"exception", what}});
  FinishOnce(MakeError(ErrorCode::kInternalError,
                       "The server failed; its log says why under the call's request id"));
}

}  // namespace longbow::transport
