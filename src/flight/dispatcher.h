/// \file
/// The RPC surface: what each Flight call does.
///
/// The life of a call:
///   1. The transport hands it to `Serve` on one of gRPC's threads. A request id is taken or made
///      up, and sent back.
///   2. Admission: a node that is starting or stopping, or has too many calls open, whoever's they
///      are, refuses. Then the authenticator finds out who calls, and the rules what they may do.
///      One that blocks does so on a share of the pool for callers who are not known yet. A call of
///      a kind of which enough are at work waits a moment for its turn, without a thread, and as
///      long as its client does.
///   3. The one request message is read (of a put or exchange, the first one), and decoded: a path,
///      a command, a ticket, an action. What is not Longbow's own goes to the modules' raw methods.
///   4. What answers from memory (flights by path, tickets) is answered on the spot. What may block
///      (a service, a raw method, a batch of a put) runs on the task registry's pool.
///   5. Long work is a task: the call waits for it without a thread, with a timer for its limit.
///   6. Results stream by the reader's pace: one message is under way, and the next is asked for
///      when the client's window took it.
///   7. Whatever happens, the call ends once, with its error on the wire, and no exception passes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "base/timer.h"
#include "flight/admission.h"
#include "flight/gate.h"
#include "flight/node_health.h"
#include "flight/service_directory.h"
#include "payload/command.h"
#include "task/task_registry.h"
#include "transport/call.h"

namespace longbow::telemetry {
class Tracer;
}
namespace longbow::transport {
class CallObserver;
}

namespace longbow::flight {

struct DispatcherOptions {
  std::string node_id;
  int max_wait_sec = 180;      ///< for a task, of a call without a deadline of its own
  int sync_timeout_sec = 10;   ///< for a revision that a client wants to see
  int max_open_calls = 20000;  ///< from arrival to end; more: BACKPRESSURE
  AdmissionLimits admission;   ///< calls by kind
  int exchange_idle_sec =
      60;  ///< an exchange whose client sends nothing for so long ends with TIMEOUT
  /// A put whose client does nothing for so long ends with TIMEOUT.
  int put_idle_sec = 300;
  int64_t cache_ttl_sec = 900;  ///< of results of `cache: true` without a `ttlSec`
  int64_t exchange_buffer_bytes = int64_t{8} << 20;
  /// Of a message with compressed buffers when they are unpacked; more: RESOURCE_EXHAUSTED. (The
  /// transport looks at messages as they come.)
  int64_t max_message_bytes = (int64_t{1} << 31) - 1;
  CommandLimits command_limits;
};

/// What it needs of the node; all outlive it.
struct DispatcherParts {
  const ServiceDirectory* registry = nullptr;
  TaskRegistry* tasks = nullptr;
  Timer* timer = nullptr;
  const Clock* clock = nullptr;
  Logger* logger = nullptr;
  const Gate* gate = nullptr;
  const NodeHealth* health = nullptr;
  /// What beside modules an operator should look into, in sentences; may be empty. Thread-safe.
  std::function<std::vector<std::string>()> problems = {};
  transport::CallObserver* observer = nullptr;  ///< may be null
  telemetry::Tracer* tracer = nullptr;          ///< may be null
  /// Calls of Flight that have come and not ended, the one that asks included. Thread-safe.
  std::function<int64_t()> open_calls = {};
};

class Dispatcher : public transport::CallHandler {
 public:
  static std::unique_ptr<Dispatcher> Make(DispatcherOptions options, DispatcherParts parts);
  /// The address that endpoints name, such as `grpc://host:17001`, once the port is known. Before
  /// the first call. Errors: BAD_ARGUMENT for what is no URI.
  virtual arrow::Status SetLocation(std::string uri) = 0;
  /// Whether new work is refused for lack of memory.
  virtual void SetMemoryFull(bool full) = 0;
  virtual const Admission& admission() const = 0;
  /// From now on calls are refused with SHUTTING_DOWN, and the waits of open ones end with it.
  virtual void BeginShutdown() = 0;
};

}  // namespace longbow::flight
