/// \file
/// The spans of a task: itself, its wait for a thread, its service's run until the outcome is
/// known, and then the stream of its result, or the storing of it. Not thread-safe: the task guards
/// it.
#pragma once

#include <string>

#include <arrow/status.h>

#include "task/task_origin.h"
#include "telemetry/trace.h"

namespace longbow {

class TaskSpans {
 public:
  /// The task is made and waits. `tracer` may be null, and outlives this.
  TaskSpans(telemetry::Tracer* tracer, const TaskOrigin& origin, const std::string& service,
            const std::string& task_id);

  /// A thread has begun it.
  void Started();
  /// The result is being stored.
  void Storing();
  /// The outcome is known, and the result is read as a stream.
  void Streaming();
  void Ended(const arrow::Status& error, int64_t rows, int64_t bytes);

  /// The task's own span: parent of what it does.
  const telemetry::TraceContext& context() const { return task_.context(); }

 private:
  void Step(const char* name);

  telemetry::Tracer* const tracer_;
  telemetry::Span task_;
  telemetry::Span step_;  ///< what it does now
};

}  // namespace longbow
