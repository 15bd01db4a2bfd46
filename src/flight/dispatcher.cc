#include "flight/dispatcher.h"

#include <functional>
#include <utility>

#include <arrow/flight/types.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/node_context.h"
#include "transport/call_observer.h"

namespace longbow::flight {
namespace {

using transport::Method;
using transport::ReadOutcome;

/// To parse a larger request takes milliseconds, which the thread's other calls should not wait
/// for.
constexpr size_t kLargeRequestBytes = size_t{256} << 10;

class NodeDispatcher : public Dispatcher {
 public:
  NodeDispatcher(const DispatcherOptions& options, const DispatcherParts& parts)
      : admission_(options.admission, parts.clock, parts.timer) {
    node_.options = options;
    node_.parts = parts;
    node_.started = parts.clock->WallNow();
    node_.runner = std::make_unique<CommandRunner>(&node_);
  }

  arrow::Status SetLocation(std::string uri) override {
    auto location = arrow::flight::Location::Parse(uri);
    if (!location.ok()) {
      return MakeError(ErrorCode::kBadArgument,
                       "Clients cannot be sent to '" + uri + "', which is no URI",
                       location.status().message());
    }
    node_.endpoint_locations = {*std::move(location)};
    node_.location = std::move(uri);
    return arrow::Status::OK();
  }
  void BeginShutdown() override { node_.stopping = true; }
  void SetMemoryFull(bool full) override { node_.memory_full = full; }
  const Admission& admission() const override { return admission_; }

  void Serve(std::shared_ptr<transport::Call> call) override {
    GuardCall(call, [&] {
      ARROW_RETURN_NOT_OK(CheckOpen());
      Authenticate(call);
      return arrow::Status::OK();
    });
  }

 private:
  using CallPtr = std::shared_ptr<transport::Call>;
  using OneRequest = void (*)(OpenCallPtr, const std::string&);

  void GuardCall(const CallPtr& call, const std::function<arrow::Status()>& work) {
    const auto status = Guard(call->logger(), MethodName(call->method()), work);
    if (!status.ok()) call->Finish(status);
  }

  /// Whether the node takes calls at all.
  arrow::Status CheckOpen() const {
    if (node_.stopping.load()) {
      return MakeError(ErrorCode::kShuttingDown, "this node is stopping; ask another one");
    }
    if (node_.parts.health->state() == NodeState::kStarting) {
      return MakeError(ErrorCode::kNotReady,
                       "this node is starting; ask again in a moment, or another one");
    }
    if (node_.parts.open_calls() > node_.options.max_open_calls) {
      return MakeError(ErrorCode::kBackpressure,
                       "this node has " + std::to_string(node_.options.max_open_calls) +
                           " calls open, which is the most; try again later, or another node");
    }
    return arrow::Status::OK();
  }

  void Authenticate(const CallPtr& call) {
    GatePolicy policy = node_.parts.gate->policy();
    auto ask = [this, call, policy]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto principal, policy.authenticator->Authenticate(*call));
      if (principal == nullptr) {
        return MakeError(ErrorCode::kInternalError, "the authenticator named no principal");
      }
      Admit(call, std::move(principal), *policy.rules);
      return arrow::Status::OK();
    };
    if (!policy.authenticator->blocks()) return GuardCall(call, ask);
    auto queued = node_.parts.tasks->RunSoon(/*owner=*/std::nullopt, [this, call, ask] {
      if (!call->cancelled()) return GuardCall(call, ask);
      call->Finish(MakeError(ErrorCode::kCommandCancelled, "the caller has gone"));
    });
    if (!queued.ok()) call->Finish(queued);
  }

  void Admit(const CallPtr& call, std::shared_ptr<const Principal> principal,
             const access::AccessRules& rules) {
    Caller caller;
    caller.permissions = rules.For(*principal);
    caller.origin = {principal, call->request_id(), call->trace()};
    call->Identify(std::move(principal));
    const auto begun = node_.parts.clock->Now();
    auto entered = [this, call, caller = std::move(caller),
                    begun](arrow::Result<Admission::Place> place) {
      GuardCall(call, [&]() -> arrow::Status {
        ARROW_RETURN_NOT_OK(place.status());
        call->statistics().admission_ns = (node_.parts.clock->Now() - begun).count();
        Dispatch(std::make_shared<OpenCall>(call, &node_, caller, *std::move(place)));
        return arrow::Status::OK();
      });
    };
    admission_.Enter(KindOf(call->method()), std::move(entered), ObserveWait(call));
  }

  /// A call waits no longer than its client does.
  WaitObserver ObserveWait(const CallPtr& call) {
    WaitObserver observer;
    observer.on_begin = [this, call](std::function<void()> give_up) {
      if (auto* watcher = node_.parts.observer) watcher->OnWait(call->method(), true);
      call->SetCancelCallback(std::move(give_up));
    };
    observer.on_end = [this, call] {
      call->SetCancelCallback(nullptr);
      if (auto* watcher = node_.parts.observer) watcher->OnWait(call->method(), false);
    };
    return observer;
  }

  void Dispatch(OpenCallPtr open) {
    switch (open->call->method()) {
      case Method::kHandshake:
        return ServeHandshake(std::move(open));
      case Method::kListFlights:
        return ReadRequest(std::move(open), ServeListFlights);
      case Method::kGetFlightInfo:
        return ReadRequest(std::move(open), ServeGetFlightInfo);
      case Method::kPollFlightInfo:
        return ReadRequest(std::move(open), ServePollFlightInfo);
      case Method::kGetSchema:
        return ReadRequest(std::move(open), ServeGetSchema);
      case Method::kDoGet:
        return ReadRequest(std::move(open), ServeDoGet);
      case Method::kDoPut:
        return ServeDoPut(std::move(open));
      case Method::kDoExchange:
        return ServeDoExchange(std::move(open));
      case Method::kDoAction:
        return ReadRequest(std::move(open), ServeDoAction);
      case Method::kListActions:
        return ServeListActions(std::move(open));
    }
  }

  void ReadRequest(OpenCallPtr open, OneRequest serve) {
    auto* call = open->call.get();
    call->ReadBytes([open = std::move(open), serve](ReadOutcome outcome, std::string request) {
      if (outcome == ReadOutcome::kBroken) {
        return open->Finish(
            MakeError(ErrorCode::kCommandCancelled, "the caller went away before it asked"));
      }
      // A call that ends without a message asks with an empty one, as protobuf would have it.
      const bool large = request.size() > kLargeRequestBytes;
      auto work = [open, serve, request = std::move(request)] {
        serve(open, request);
        return arrow::Status::OK();
      };
      if (large) return RunOnPool(open, std::move(work));
      RunGuarded(open, work);
    });
  }

  Admission admission_;
  NodeContext node_;
};

}  // namespace

std::unique_ptr<Dispatcher> Dispatcher::Make(DispatcherOptions options, DispatcherParts parts) {
  return std::make_unique<NodeDispatcher>(options, parts);
}

}  // namespace longbow::flight
