#include "task/task.h"

namespace longbow {

std::string_view TaskStateName(TaskState state) {
  switch (state) {
    case TaskState::kQueued:
      return "QUEUED";
    case TaskState::kStarting:
      return "STARTING";
    case TaskState::kStreaming:
      return "STREAMING";
    case TaskState::kDone:
      return "DONE";
    case TaskState::kFailed:
      return "FAILED";
    case TaskState::kCancelled:
      return "CANCELLED";
  }
  return "UNKNOWN";
}

}  // namespace longbow
