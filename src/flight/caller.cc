#include "flight/caller.h"

#include <string>

#include <longbow/error.h>

namespace longbow::flight {
namespace {

arrow::Status Denied(const std::string& what) {
  return MakeError(
      ErrorCode::kPermissionDenied, "you may not " + what,
      "The node's operator can allow it with a rule, a table [access.rule.NAME] of the "
      "settings.");
}

}  // namespace

arrow::Status Caller::CheckRun(std::string_view service) const {
  if (permissions->MayRun(service)) return arrow::Status::OK();
  return Denied("run the service '" + std::string(service) + "'");
}

arrow::Status Caller::CheckAction(std::string_view action) const {
  if (permissions->MayAct(action)) return arrow::Status::OK();
  return Denied("do the action '" + std::string(action) + "'");
}

arrow::Status Caller::CheckRead(const FlightPath& path) const {
  if (permissions->MayRead(path.parts())) return arrow::Status::OK();
  return Denied("read '" + path.ToString() + "'");
}

arrow::Status Caller::CheckWrite(const FlightPath& path) const {
  if (permissions->MayWrite(path.parts())) return arrow::Status::OK();
  return Denied("write '" + path.ToString() + "'");
}

arrow::Status Caller::CheckRawMethods() const {
  if (permissions->MayUseRawMethods()) return arrow::Status::OK();
  return Denied("use the modules' own Flight calls");
}

bool Caller::MaySee(const Task& task) const {
  return permissions->MaySeeAllTasks() || task.BelongsTo(origin.principal->name);
}

bool Caller::MayCancel(const Task& task) const {
  return permissions->MaySeeAllTasks() || task.principal()->name == origin.principal->name;
}

arrow::Status CancelFor(const Caller& caller, Task& task) {
  if (caller.MayCancel(task)) return task.Cancel();
  return MakeError(ErrorCode::kPermissionDenied,
                   "the task " + task.id() + " was begun by somebody else, who waits for it, too");
}

}  // namespace longbow::flight
