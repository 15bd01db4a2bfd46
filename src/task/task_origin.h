/// \file
/// On whose behalf a task runs.
#pragma once

#include <memory>
#include <string>

#include <longbow/principal.h>

#include "telemetry/trace_context.h"

namespace longbow {

/// Nested commands have the origin of the command that they are a part of.
struct TaskOrigin {
  /// Never null.
  std::shared_ptr<const Principal> principal = std::make_shared<const Principal>();
  std::string request_id;  ///< of the call that brought the command
  /// The span that the task's is a child of; invalid where there is no trace.
  telemetry::TraceContext trace;
};

}  // namespace longbow
