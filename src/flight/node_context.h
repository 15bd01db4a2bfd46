/// \file
/// What the parts of the RPC surface share.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/flight/type_fwd.h>

#include "flight/admission.h"
#include "flight/answer_cache.h"
#include "flight/caller.h"
#include "flight/client_watch.h"
#include "flight/dispatcher.h"
#include "flight/read_grants.h"
#include "flight/revision_gate.h"

namespace longbow::flight {

class CommandRunner;

/// Lives as long as the dispatcher; thread-safe.
struct NodeContext {
  DispatcherOptions options;
  DispatcherParts parts;
  std::string location;  ///< set before the first call
  /// The same, as endpoints name it; empty where there is none.
  std::vector<arrow::flight::Location> endpoint_locations;
  WallTime started;  ///< for ListNodes
  std::unique_ptr<CommandRunner> runner;
  RevisionGate revisions;
  ReadGrants grants;
  AnswerCache infos;  ///< of GetFlightInfo, by path
  std::atomic<bool> stopping{false};
  std::atomic<bool> memory_full{false};  ///< new work is refused
};

/// A call that is being answered, who asks, and its place among those that run.
struct OpenCall {
  OpenCall(std::shared_ptr<transport::Call> open, NodeContext* node_context, Caller who,
           Admission::Place its_place)
      : call(std::move(open)),
        node(node_context),
        caller(std::move(who)),
        place(std::move(its_place)) {}

  std::shared_ptr<transport::Call> call;
  NodeContext* node;
  const Caller caller;
  Admission::Place place;

  /// Ends the call; an error of a node that is stopping becomes SHUTTING_DOWN where it is only the
  /// echo of that.
  void Finish(const arrow::Status& status) const;
};

using OpenCallPtr = std::shared_ptr<OpenCall>;

/// Of work that would take memory which the node does not have. Errors: BACKPRESSURE.
arrow::Status CheckMemory(const NodeContext& node);

/// Watches the client of a put or an exchange: where it keeps the node waiting for too long, the
/// call ends with TIMEOUT, and with that what is read or written.
std::shared_ptr<ClientWatch> WatchClient(const OpenCallPtr& open);

/// Runs what may throw, as modules' code may: an exception becomes INTERNAL_ERROR, and its text
/// goes to the log alone.
arrow::Status Guard(Logger& logger, std::string_view what,
                    const std::function<arrow::Status()>& work);

/// Runs `work`, which ends the call unless it fails; then this does.
void RunGuarded(const OpenCallPtr& open, const std::function<arrow::Status()>& work);

/// Runs `work` on the node's pool as the caller's. Errors: BACKPRESSURE.
arrow::Status RunSoon(const OpenCall& open, std::function<void()> work);

/// The same with work that ends the call unless it fails; where it does, or there is no room for
/// it, this does.
void RunOnPool(const OpenCallPtr& open, std::function<arrow::Status()> work);

}  // namespace longbow::flight
