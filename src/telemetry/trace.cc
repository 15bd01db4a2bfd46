#include "telemetry/trace.h"

#include <utility>

#include "base/utf8.h"
#include "telemetry/otlp_exporter.h"
#include "telemetry/span_batcher.h"
#include "telemetry/span_console_exporter.h"
#include "telemetry/trace_ids.h"
#include "telemetry/trace_sampler.h"

namespace longbow::telemetry {
namespace {

constexpr size_t kUsualAttributes = 6;

/// Records nothing and passes contexts on.
class PassingTracer : public Tracer {
 public:
  Span Start(const SpanStart& start) override {
    return start.parent == nullptr ? Span() : Span(*start.parent);
  }
  TracerStatistics statistics() const override { return {}; }
  void Shutdown(std::chrono::milliseconds) override {}
};

class RecordingTracer : public Tracer {
 public:
  RecordingTracer(const TracerOptions& options, const TracerParts& parts,
                  std::unique_ptr<SpanExporter> exporter)
      : clock_(parts.clock),
        ids_(parts.random),
        sampler_(options.sampler, options.sampler_ratio),
        batcher_(std::make_shared<SpanBatcher>(options.batch, options.limits, parts,
                                               std::move(exporter))) {}

  // The spans that are left keep the batcher, whose thread must not outlive what it uses.
  ~RecordingTracer() override { Shutdown(std::chrono::milliseconds(0)); }

  Span Start(const SpanStart& start) override {
    const bool has_parent = start.parent != nullptr && start.parent->valid();
    TraceContext context;
    context.trace_id = has_parent ? start.parent->trace_id : ids_.NextTraceId();
    context.span_id = ids_.NextSpanId();
    context.sampled = sampler_.Samples(start.parent, context.trace_id);
    if (has_parent) context.state = start.parent->state;
    if (!context.sampled) return Span(std::move(context));
    auto data = std::make_unique<SpanData>();
    data->context = context;
    if (has_parent) data->parent_span_id = start.parent->span_id;
    data->name = CutToCharacters(start.name, kMaxSpanNameCharacters);
    data->bytes = data->name.size() + context.state.size();
    data->kind = start.kind;
    data->attributes.reserve(kUsualAttributes);
    data->anchor = clock_->Now();
    data->anchor_wall = clock_->WallNow();
    data->start = start.start.value_or(data->anchor_wall);
    return Span(std::move(context), std::move(data), batcher_);
  }
  TracerStatistics statistics() const override { return batcher_->statistics(); }
  void Shutdown(std::chrono::milliseconds limit) override { batcher_->Shutdown(limit); }

 private:
  const Clock* const clock_;
  TraceIds ids_;
  const Sampler sampler_;
  const std::shared_ptr<SpanBatcher> batcher_;
};

}  // namespace

arrow::Result<std::unique_ptr<Tracer>> Tracer::Make(const TracerOptions& options,
                                                    const TracerParts& parts) {
  std::unique_ptr<SpanExporter> exporter;
  switch (options.exporter) {
    case TraceExporter::kNone:
      return std::make_unique<PassingTracer>();
    case TraceExporter::kConsole:
      exporter = MakeConsoleExporter({options.console_fd, options.service_name}, parts.clock);
      break;
    case TraceExporter::kOtlp:
      ARROW_ASSIGN_OR_RAISE(exporter, MakeOtlpExporter(options, parts));
      break;
  }
  return MakeWith(options, parts, std::move(exporter));
}

std::unique_ptr<Tracer> Tracer::MakeWith(const TracerOptions& options, const TracerParts& parts,
                                         std::unique_ptr<SpanExporter> exporter) {
  return std::make_unique<RecordingTracer>(options, parts, std::move(exporter));
}

}  // namespace longbow::telemetry
