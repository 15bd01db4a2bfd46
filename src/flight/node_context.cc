#include "flight/node_context.h"

#include <chrono>
#include <exception>
#include <string>

#include <longbow/error.h>

#include "flight/command_runner.h"

namespace longbow::flight {

void OpenCall::Finish(const arrow::Status& status) const {
  if (!status.ok() && node->stopping.load() &&
      ErrorCodeOf(status) == ErrorCode::kCommandCancelled) {
    call->Finish(MakeError(ErrorCode::kShuttingDown, "this node is stopping; ask another one"));
    return;
  }
  call->Finish(status);
}

arrow::Status CheckMemory(const NodeContext& node) {
  if (!node.memory_full.load(std::memory_order_relaxed)) return arrow::Status::OK();
  return MakeError(
      ErrorCode::kBackpressure,
      "this node is short of memory and takes no new work; try again later, or another "
      "node");
}

std::shared_ptr<ClientWatch> WatchClient(const OpenCallPtr& open) {
  const NodeContext& node = *open->node;
  const bool is_put = open->call->method() == transport::Method::kDoPut;
  const std::chrono::seconds limit(is_put ? node.options.put_idle_sec
                                          : node.options.exchange_idle_sec);
  return ClientWatch::Make(
      {.limit = limit,
       .clock = node.parts.clock,
       .timer = node.parts.timer,
       .on_overdue = [open, limit, what = std::string(is_put ? "put" : "exchange")] {
         open->Finish(MakeError(
             ErrorCode::kTimeout,
             "the client of the " + what + " neither sent a message nor took an answer for " +
                 std::to_string(limit.count()) + " s (" + what + "_idle_sec of [server])",
             "Begin the " + what + " again, and end it when all is sent."));
       }});
}

arrow::Status Guard(Logger& logger, std::string_view what,
                    const std::function<arrow::Status()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    logger.Error("an exception was thrown where a status was due",
                 {{"where", std::string(what)}, {"what", error.what()}});
  } catch (...) {
    logger.Error("an unknown exception was thrown where a status was due",
                 {{"where", std::string(what)}});
  }
  return MakeError(ErrorCode::kInternalError,
                   "the node failed while it worked on this call; its log says more");
}

void RunGuarded(const OpenCallPtr& open, const std::function<arrow::Status()>& work) {
  const arrow::Status status =
      Guard(*open->node->parts.logger, transport::MethodName(open->call->method()), work);
  if (!status.ok()) open->Finish(status);
}

arrow::Status RunSoon(const OpenCall& open, std::function<void()> work) {
  return open.node->parts.tasks->RunSoon(open.caller.origin.principal->name, std::move(work));
}

void RunOnPool(const OpenCallPtr& open, std::function<arrow::Status()> work) {
  auto queued = RunSoon(*open, [open, work = std::move(work)] { RunGuarded(open, work); });
  if (!queued.ok()) open->Finish(queued);
}

}  // namespace longbow::flight
