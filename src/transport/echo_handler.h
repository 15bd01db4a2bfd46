/// \file
/// For tests: a server whose calls answer with what they got, stall, or fail, as the client asks.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "transport/call.h"
#include "transport/server.h"

namespace longbow::transport {

/// What has happened on the server's side, in words; tests wait for them.
class EventLog {
 public:
  void Add(std::string event);
  /// Whether `event` has come, or comes within half a minute, `count` times in all.
  bool WaitFor(const std::string& event, int count = 1);
  int Count(const std::string& event);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

/// Answers every method:
///   - unary ones according to the command of the descriptor (or the type of the action), see
///     `Answer`;
///   - DoGet of the ticket "xN": N batches of 64 KiB each; of "forever": batches without end;
///   - DoPut: acknowledges each message by the size of its body; logs "put end" or "put broken";
///   - DoExchange, Handshake: give back each message.
class EchoHandler final : public CallHandler {
 public:
  EchoHandler();
  ~EchoHandler() override;
  void Serve(std::shared_ptr<Call> call) override;

  EventLog& events() { return events_; }
  /// The last call that was asked to "hang" or "drop later"; null before.
  std::shared_ptr<Call> TakeHeld();

 private:
  /// "error N", "hang", "drop", "throw", "headers", "deadline"; anything else: a FlightInfo.
  void Answer(std::shared_ptr<Call> call, const std::string& command);
  void ServeUnary(std::shared_ptr<Call> call);

  EventLog events_;
  std::mutex mutex_;
  std::shared_ptr<Call> held_;
};

/// Sends frames one after the other, then ends the call. `repeat`: goes on with the second one, for
/// ever.
void SendFrames(std::shared_ptr<Call> call, std::vector<Frame> frames, bool repeat,
                EventLog* events);

}  // namespace longbow::transport
