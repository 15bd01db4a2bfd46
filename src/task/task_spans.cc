#include "task/task_spans.h"

#include <longbow/error.h>

namespace longbow {

using telemetry::SpanKind;

TaskSpans::TaskSpans(telemetry::Tracer* tracer, const TaskOrigin& origin,
                     const std::string& service, const std::string& task_id)
    : tracer_(tracer) {
  if (tracer_ == nullptr) return;
  task_ = tracer_->Start({.name = "task", .kind = SpanKind::kInternal, .parent = &origin.trace});
  if (task_.recording()) {
    task_.SetAttribute("longbow.service", service);
    task_.SetAttribute("longbow.task", task_id);
  }
  Step("queue");
}

void TaskSpans::Step(const char* name) {
  step_.End();
  if (!task_.recording()) return;
  const telemetry::TraceContext parent = task_.context();
  step_ = tracer_->Start({.name = name, .kind = SpanKind::kInternal, .parent = &parent});
}

void TaskSpans::Started() { Step("run"); }
void TaskSpans::Storing() { Step("sink"); }
void TaskSpans::Streaming() { Step("stream"); }

void TaskSpans::Ended(const arrow::Status& error, int64_t rows, int64_t bytes) {
  step_.End();
  if (!task_.recording()) return;
  task_.SetAttribute("longbow.rows", rows);
  task_.SetAttribute("longbow.bytes", bytes);
  if (!error.ok()) task_.SetError(ErrorName(ErrorCodeOf(error)));
  task_.End();
}

}  // namespace longbow
