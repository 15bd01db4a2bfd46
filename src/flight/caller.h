/// \file
/// Who asks, and what they may do: known for each call, and for all that is done on its behalf.
///
/// The checks below answer PERMISSION_DENIED before anything is looked up, so that a refusal says
/// nothing about what there is.
#pragma once

#include <memory>
#include <string_view>

#include <arrow/status.h>

#include <longbow/flight_path.h>

#include "access/access_rules.h"
#include "task/task.h"
#include "task/task_origin.h"

namespace longbow::flight {

/// Immutable, and so safe from any thread.
struct Caller {
  TaskOrigin origin;
  std::shared_ptr<const access::Permissions> permissions;  ///< never null

  arrow::Status CheckRun(std::string_view service) const;
  arrow::Status CheckAction(std::string_view action) const;
  arrow::Status CheckRead(const FlightPath& path) const;
  arrow::Status CheckWrite(const FlightPath& path) const;
  arrow::Status CheckRawMethods() const;

  /// Whether the task is this caller's, or it may see those of others, too.
  bool MaySee(const Task& task) const;
  /// Whether it may be cancelled for all who wait for it.
  bool MayCancel(const Task& task) const;
};

/// Cancels the task if the caller may. Errors: PERMISSION_DENIED for one that somebody else began,
/// and those of `Task::Cancel`.
arrow::Status CancelFor(const Caller& caller, Task& task);

}  // namespace longbow::flight
