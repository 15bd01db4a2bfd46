/// \file
/// A `Call` on top of a gRPC stream: the state machine between the two. Only for the transport's
/// own sources: pulls in gRPC.
///
/// Ownership: two parties hold a call, gRPC until `OnDone`, and the handler through the
/// `shared_ptr<Call>` that it was given. The object goes when both are through.
///
/// Locking: `mutex_` guards the state, and gRPC's operations are started under it, so that none is
/// started after the call's end; gRPC never runs a reaction within the function that starts an
/// operation. Callbacks of the handler run without the lock, and never within a function that the
/// handler calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "base/timer.h"
#include "telemetry/bound_logger.h"
#include "telemetry/trace.h"
#include "transport/call.h"
#include "transport/call_observer.h"
#include "transport/request_id.h"
#include "transport/request_watch.h"
#include "transport/rpc_stream.h"

namespace longbow::transport {

/// What the calls of a server share; it outlives them.
struct CallHost {
  arrow::MemoryPool* memory_pool = nullptr;
  Logger* logger = nullptr;  ///< never null once calls come
  int64_t max_message_bytes = 0;
  RequestIdSource request_ids;
  SystemClock clock;
  /// Outlives the timer, whose thread calls it. Never empty once calls come.
  std::optional<RequestWatch> request_watch;
  /// Runs what must not run within a function that the handler calls. It outlives the calls.
  std::unique_ptr<Timer> timer;
  CallObserver* observer = nullptr;     ///< may be null
  telemetry::Tracer* tracer = nullptr;  ///< may be null
  std::shared_ptr<const Principal> anonymous = std::make_shared<const Principal>();
  /// Called at the end of each call, as the last thing, with its `counted`.
  std::function<void(bool counted)> on_done;
};

/// A message as gRPC read it, or the end of them.
struct ReadMessage {
  ReadOutcome outcome = ReadOutcome::kBroken;
  grpc::ByteBuffer buffer;
};

struct ServerCallOptions {
  bool counted = true;       ///< it is one of Flight's
  bool keep_headers = true;  ///< false: nobody needs them, or they are too many to be held
};

class ServerCall final : public Call, private RpcStream::Listener, private RequestWatch::Waiter {
 public:
  /// A new call, and the handle to it for the handler.
  static std::shared_ptr<Call> Open(std::shared_ptr<CallHost> host,
                                    std::unique_ptr<RpcStream> stream, Method method,
                                    ServerCallOptions options);

  /// Gives a call that `Open` made to its handler, from which no exception may pass: other calls
  /// live on the same thread.
  static void Serve(const std::shared_ptr<Call>& call, CallHandler* handler);

  ServerCall(const ServerCall&) = delete;
  ServerCall& operator=(const ServerCall&) = delete;

  // CallContext
  const Headers& headers() const override { return headers_; }
  const std::string& peer() const override { return peer_; }
  const std::optional<PeerCertificate>& peer_certificate() const override { return certificate_; }
  const Principal& principal() const override { return *principal_; }
  const std::string& request_id() const override { return request_id_; }
  std::string traceparent() const override;
  Logger& logger() const override;
  std::optional<MonotonicTime> deadline() const override { return deadline_; }
  bool cancelled() const override { return cancelled_.load(std::memory_order_acquire); }
  void AddResponseHeader(std::string_view name, std::string_view value) override;

  // Call
  Method method() const override { return method_; }
  CallStatistics& statistics() override { return statistics_; }
  telemetry::TraceContext trace() const override { return span_.context(); }
  void Identify(std::shared_ptr<const Principal> principal) override;
  void Annotate(std::string_view name, std::string value) override;
  void ReadBytes(BytesCallback done) override;
  void ReadData(DataCallback done) override;
  void Write(Frame frame, WriteHint hint, std::function<void(bool)> done) override;
  void SetCancelCallback(std::function<void()> callback) override;
  void Finish(const arrow::Status& status) override;
  void WriteAndFinish(Frame frame) override;

 private:
  /// The first message.
  enum class Request { kNotAskedFor, kAwaited, kRead };

  ServerCall(std::shared_ptr<CallHost> host, std::unique_ptr<RpcStream> stream, Method method,
             ServerCallOptions options);
  ~ServerCall() override = default;

  // RpcStream::Listener
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // RequestWatch::Waiter
  void OnRequestOverdue() override;

  void TakeRequestMetadata(bool keep_headers);
  void BeginTrace();
  void Count(const Frame& frame);
  /// Tells the observer, and ends the span.
  void TellEnd();
  /// Ends the call unless that has happened; see `Finish`.
  void FinishOnce(const arrow::Status& status);
  /// gRPC says of a read without a message only that there was none. It marks the context before if
  /// the stream broke, but not yet if gRPC itself is about to break it (a message could not be
  /// decompressed): a second read, which queues up behind that, sees the mark. Starts it, once;
  /// false where it is not needed. The lock is held.
  bool ConfirmEnd();
  /// What a read that has ended means. The lock is held.
  ReadOutcome OutcomeOf(bool ok) const;
  /// Notes who waits for the next message and sees that it comes; false where nobody may wait. The
  /// lock is held.
  bool AwaitMessage();
  /// The first message is asked for, or there. The lock is held.
  void BeginRequestWatch();
  void EndRequestWatch();
  /// Gives what was read to who waits for it, as long as there are both. On one of gRPC's threads,
  /// without the lock; one thread at a time does it.
  void Deliver();
  void Deliver(const BytesCallback& done, ReadMessage message);
  void Deliver(const DataCallback& done, ReadMessage message);
  void HandleDropped();
  /// Runs a callback of the handler soon on another thread, before gRPC's end of the call unless
  /// that has come. The lock is held.
  void RunSoon(std::function<void()> callback);
  /// Cancels the call when what is still to be written does not get through in time. The lock is
  /// held.
  void CancelIfStalled();
  /// Whether a client that still sends would be cut off. gRPC ends a call for good when its server
  /// does, and clients whose next message then fails drop what they have not read yet. The lock is
  /// held.
  bool CutsOffClient() const;
  /// Takes and drops what the client still sends. The lock is held.
  void Linger();
  /// Looks now and then whether it sends at all. The lock is held.
  void LimitLinger();
  /// What `Linger` has waited for is there, or will not come. The lock is held.
  void StopLinger();
  /// The end of `Linger`, once all is written. The lock is held.
  void EndIfDue();
  void Unref();
  /// Runs a callback of the handler, from which no exception may pass.
  template <typename Callback, typename... Args>
  void Run(const Callback& callback, Args&&... args);

  const std::shared_ptr<CallHost> host_;
  const Method method_;
  const bool counted_;
  Headers headers_;
  std::string grpc_peer_;  // as gRPC writes it
  std::string peer_;
  std::string request_id_;
  std::optional<PeerCertificate> certificate_;
  std::optional<MonotonicTime> deadline_;
  const MonotonicTime begun_ = MonotonicTime::clock::now();
  CallStatistics statistics_;
  std::shared_ptr<const Principal> principal_;
  telemetry::Span span_;
  std::string trace_id_;
  mutable std::once_flag logger_made_;
  mutable std::optional<telemetry::BoundLogger> logger_;
  std::atomic<bool> cancelled_{false};
  std::atomic<int> refs_{2};  // gRPC's and the handle's

  std::mutex mutex_;
  // All below is guarded by mutex_, except that a buffer is gRPC's while its operation is under
  // way.
  std::unique_ptr<RpcStream> stream_;  // null from OnDone on
  bool reading_ = false;               // an operation of gRPC is under way
  Request request_ = Request::kNotAskedFor;
  bool delivering_ = false;  // a thread is within Deliver, or will be soon
  bool writing_ = false;
  bool headers_sent_ = false;
  bool finished_ = false;
  bool confirming_end_ = false;
  bool client_ended_ = false;  // sends no more
  bool lingering_ = false;     // finished, but the end is not under way yet
  bool linger_over_ = false;
  int64_t dropped_messages_ = 0;  // while lingering
  MonotonicTime linger_until_;
  size_t response_header_bytes_ = 0;
  BytesCallback bytes_done_;               // who waits for a message, either this
  DataCallback data_done_;                 // or this
  std::optional<ReadMessage> read_ahead_;  // what nobody has waited for yet
  arrow::Status end_;                      // what the call was finished with
  std::vector<CallAnnotation> annotations_;
  std::function<void(bool)> write_done_;
  std::function<void()> cancel_callback_;
  grpc::ByteBuffer read_buffer_;
  grpc::ByteBuffer write_buffer_;
};

}  // namespace longbow::transport
