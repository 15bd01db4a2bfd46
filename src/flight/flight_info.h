/// \file
/// Makes what GetFlightInfo and its kin answer.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <arrow/flight/type_fwd.h>
#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/flight_store.h>

#include "flight/node_context.h"
#include "payload/command.h"
#include "task/task.h"

namespace longbow::flight {

/// What the answer says beside the data.
struct InfoRequest {
  /// Serialised; what was asked.
  const arrow::flight::FlightDescriptor& descriptor;
  Encoding encoding = Encoding::kJson;
};

/// Of a stored flight. `task_id` is empty where no task made it in this call; `reused`: it was
/// there before the command.
arrow::Result<arrow::flight::FlightInfo> StoredInfo(const NodeContext& node,
                                                    const InfoRequest& request,
                                                    const StoredFlightInfo& stored,
                                                    const std::string& task_id, bool reused);

/// The same of a flight that is at hand: its schema is not encoded again.
arrow::Result<arrow::flight::FlightInfo> StoredInfo(const NodeContext& node,
                                                    const InfoRequest& request,
                                                    const StoredFlight& flight, bool reused);

/// A message without a body as it stands alone: what `arrow::ipc::SerializeSchema` makes.
arrow::Result<std::string> EncapsulatedMetadata(const IpcMessage& message);

/// Of a task whose outcome is known; null: nothing is known yet.
arrow::Result<arrow::flight::FlightInfo> TaskInfoMessage(const NodeContext& node,
                                                         const InfoRequest& request,
                                                         const Task& task,
                                                         const Task::Outcome* outcome);

}  // namespace longbow::flight
