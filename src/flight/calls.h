/// \file
/// One function per Flight method: each takes the call over, returns at once, and sees to it that
/// the call ends. All run on one of gRPC's threads and do not block.
#pragma once

#include <memory>
#include <string>

#include <arrow/flight/type_fwd.h>

#include "flight/node_context.h"

namespace longbow::flight {

void ServeHandshake(OpenCallPtr open);
void ServeGetFlightInfo(OpenCallPtr open, const std::string& request);
void ServePollFlightInfo(OpenCallPtr open, const std::string& request);
void ServeGetSchema(OpenCallPtr open, const std::string& request);
void ServeDoGet(OpenCallPtr open, const std::string& request);
void ServeDoPut(OpenCallPtr open);
void ServeDoExchange(OpenCallPtr open);
void ServeListFlights(OpenCallPtr open, const std::string& request);
void ServeDoAction(OpenCallPtr open, const std::string& request);
void ServeListActions(OpenCallPtr open);

/// Runs `then` once the node has seen the revision of the caller's `x-longbow-sync-rev`, at once
/// where there is none; ends the call with TIMEOUT where that takes too long.
void AfterSync(OpenCallPtr open, std::function<void()> then);

/// Tells the caller the revision that its change made.
void AnswerRevision(const OpenCall& open, int64_t revision);

}  // namespace longbow::flight
