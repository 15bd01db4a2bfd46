/// \file
/// An RPC as the layers above see it: messages in, messages out, one end. Nothing here names gRPC.
///
/// The life of a call:
///   1. The server takes it from gRPC and hands it to `CallHandler::Serve`.
///   2. The handler reads and writes, one message of each kind under way at a time; each completion
///      is a callback on one of gRPC's threads, which must not block.
///   3. `Finish` ends it with a status, whatever is still under way; that then completes as broken.
///   4. When the client goes, cancels or runs out of time, or the server stops, the cancel callback
///      runs; the handler calls `Finish` then too.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/status.h>

#include <longbow/call_context.h>
#include <longbow/flight_store.h>

#include "telemetry/trace_context.h"

namespace longbow::transport {

/// So many bytes of a stream may wait for the client behind what it has taken, where its writer
/// says that more follows. A message's worth: the socket is never idle while the next is being
/// made.
constexpr int64_t kWriteAheadBytes = int64_t{1} << 20;

/// The methods of the service `arrow.flight.protocol.FlightService`.
enum class Method {
  kHandshake,
  kListFlights,
  kGetFlightInfo,
  kPollFlightInfo,
  kGetSchema,
  kDoGet,
  kDoPut,
  kDoExchange,
  kDoAction,
  kListActions,
};

/// `GetFlightInfo`
std::string_view MethodName(Method method);

/// The bytes of one outgoing message: a list of shared parts, never copied on their way to the
/// socket. A value type, cheap to move.
class Frame {
 public:
  Frame() = default;
  static Frame FromString(std::string bytes);
  /// A `FlightData` message around an IPC message; either may be absent.
  static Frame FlightData(const IpcMessage* message,
                          const std::shared_ptr<arrow::Buffer>& app_metadata);

  const std::vector<std::shared_ptr<arrow::Buffer>>& parts() const { return parts_; }
  int64_t size_bytes() const { return size_bytes_; }
  /// Of a record batch; 0 of all else.
  int64_t rows() const { return rows_; }

 private:
  std::vector<std::shared_ptr<arrow::Buffer>> parts_;
  int64_t size_bytes_ = 0;
  int64_t rows_ = 0;
};

/// One incoming `FlightData`, taken apart. The body was copied once, into 64-byte aligned memory of
/// the server's pool.
struct FlightDataMessage {
  /// Serialised `FlightDescriptor`; only in the first message.
  std::optional<std::string> descriptor;
  /// IPC metadata (flatbuffer); null where the message has none.
  std::shared_ptr<arrow::Buffer> header;
  std::shared_ptr<arrow::Buffer> app_metadata;  ///< null where there is none
  std::shared_ptr<arrow::Buffer> body;          ///< null where there is none
};

/// How a read ended.
enum class ReadOutcome {
  kMessage,
  kEnd,     ///< The client has sent all there is.
  kBroken,  ///< The client is gone, or the call was cancelled or finished.
};

/// What comes behind a message that is written.
enum class WriteHint {
  kFlush,        ///< Perhaps nothing for a while: it goes out now.
  kMoreFollows,  ///< Another write, or the end, at once: the two may go out together.
};

/// What went through a call, and what it waited for. The transport counts bytes and the rows that
/// go out, the handler the rest. Thread-safe.
struct CallStatistics {
  std::atomic<int64_t> received_bytes{0};
  std::atomic<int64_t> sent_bytes{0};
  std::atomic<int64_t> received_rows{0};
  std::atomic<int64_t> sent_rows{0};
  std::atomic<int64_t> admission_ns{0};   ///< until the node let it begin
  std::atomic<int64_t> task_queue_ns{0};  ///< until a thread began its task
  std::atomic<int64_t> task_run_ns{0};    ///< from there until the task's outcome was known
};

/// A name and its value that tell what a call was about: `service`, `task`, `path`.
using CallAnnotation = std::pair<std::string_view, std::string>;

/// One open RPC. Thread-safe. Held by its handler until `Finish`; dropping the last reference
/// without it finishes the call as INTERNAL_ERROR.
class Call : public CallContext {
 public:
  virtual Method method() const = 0;

  virtual CallStatistics& statistics() = 0;
  /// The call's span, for what is done on its behalf; not valid where there is no trace.
  virtual telemetry::TraceContext trace() const = 0;
  /// From now on this is who calls. Once, before anything else looks at the call.
  virtual void Identify(std::shared_ptr<const Principal> principal) = 0;
  /// Tells those who look at the call what it is about. `name` lives for ever; a few per call.
  virtual void Annotate(std::string_view name, std::string value) = 0;

  /// Reads the next message as plain bytes. `done` gets the bytes with `kMessage`, else nothing.
  using BytesCallback = std::function<void(ReadOutcome, std::string)>;
  virtual void ReadBytes(BytesCallback done) = 0;

  /// Reads the next message of a DoPut or DoExchange; the one behind it is received meanwhile. A
  /// message that is no `FlightData` comes as an error status (BAD_ARGUMENT), after which only
  /// `Finish` is sensible.
  using DataCallback = std::function<void(ReadOutcome, arrow::Result<FlightDataMessage>)>;
  virtual void ReadData(DataCallback done) = 0;

  /// Writes one message; `done(false)`: the client is gone, or the call has ended. The next write
  /// begins after `done`. `done` comes when the client's flow-control window has taken the message,
  /// with `kMoreFollows` when it has taken all but a last `kWriteAheadBytes`.
  virtual void Write(Frame frame, WriteHint hint, std::function<void(bool)> done) = 0;

  /// Runs `callback` once when the call is cancelled, or at once if it has been. On one of gRPC's
  /// threads. Setting another one replaces it. It is dropped after it ran and when the call ends.
  virtual void SetCancelCallback(std::function<void()> callback) = 0;

  /// Ends the call: the status goes out with its error JSON. The first call counts. Where a DoPut
  /// or DoExchange ends well before its client has sent all, the rest is taken and dropped first,
  /// as long as it keeps coming: a client that is cut off while it sends may lose its results.
  virtual void Finish(const arrow::Status& status) = 0;
  /// Ends the call after one last message, in one go. No write may be under way.
  virtual void WriteAndFinish(Frame frame) = 0;
};

/// What answers calls.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  /// On one of gRPC's threads; must not block.
  virtual void Serve(std::shared_ptr<Call> call) = 0;
};

}  // namespace longbow::transport
