#include "flight/dispatcher.h"

#include <utility>

#include <arrow/flight/types.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/command_runner.h"
#include "flight/node_context.h"

namespace longbow::flight {
namespace {

using transport::Method;
using transport::ReadOutcome;

/// To parse a larger request takes milliseconds, which the thread's other calls should not wait
/// for.
constexpr size_t kLargeRequestBytes = size_t{256} << 10;

class NodeDispatcher : public Dispatcher {
 public:
  NodeDispatcher(DispatcherOptions options, DispatcherParts parts) {
    node_.options = std::move(options);
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

  void Serve(std::shared_ptr<transport::Call> call) override {
    auto status = Guard(*node_.parts.logger, MethodName(call->method()), [&] {
      if (node_.stopping.load()) {
        return MakeError(ErrorCode::kShuttingDown, "this node is stopping; ask another one");
      }
      if (node_.open_calls.load() >= node_.options.max_open_calls) {
        return MakeError(ErrorCode::kBackpressure,
                         "this node has too many calls open; try again later, or another node");
      }
      Dispatch(std::make_shared<OpenCall>(call, &node_));
      return arrow::Status::OK();
    });
    if (!status.ok()) call->Finish(status);
  }

 private:
  using OneRequest = void (*)(OpenCallPtr, const std::string&);

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

  NodeContext node_;
};

}  // namespace

std::unique_ptr<Dispatcher> Dispatcher::Make(DispatcherOptions options, DispatcherParts parts) {
  return std::make_unique<NodeDispatcher>(std::move(options), parts);
}

}  // namespace longbow::flight
