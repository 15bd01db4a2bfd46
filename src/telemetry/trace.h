/// \file
/// Spans: what a call did, and how long each part of it took, for a collector of traces.
///
/// ```
/// Span span = tracer->Start({.name = "DoGet", .kind = SpanKind::kServer, .parent = &caller});
/// span.SetAttribute("longbow.rows", int64_t{12});
/// ```
/// A span ends with its handle. Nothing here waits: what the collector does not take is dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <arrow/result.h>

#include <longbow/clock.h>
#include <longbow/log.h>

#include "telemetry/trace_context.h"
#include "telemetry/trace_options.h"

namespace longbow {
class Random;
}

namespace longbow::telemetry {

class SpanExporter;
class SpanSink;
struct SpanData;

enum class SpanKind {
  kInternal,
  kServer,  ///< A call that another process made here.
  kClient,  ///< A call that is made to another process.
};

using AttributeValue = std::variant<bool, int64_t, double, std::string>;

/// A handle of one span. Thread-compatible. One that is not recorded, or made without a tracer,
/// costs nearly nothing: all that it does is to carry its context.
class Span {
 public:
  Span();
  /// Not recorded: carries `context` only.
  explicit Span(TraceContext context);
  /// Recorded; for tracers.
  Span(TraceContext context, std::unique_ptr<SpanData> data, std::shared_ptr<SpanSink> sink);
  Span(Span&& other) noexcept;
  /// Ends the span that it held.
  Span& operator=(Span&& other) noexcept;
  /// Ends it.
  ~Span();

  /// What is sent on to those whom it calls, whether it is recorded or not. Not valid where there
  /// is no trace at all.
  const TraceContext& context() const { return context_; }
  /// Whether it goes to a collector: what makes costly attributes asks first. False once it ended.
  bool recording() const { return data_ != nullptr; }

  /// Replaces a value of the same name. Above the limits of `SpanLimits` it is dropped and counted,
  /// and a text is cut.
  void SetAttribute(std::string_view name, AttributeValue value);
  /// Something happened now.
  void AddEvent(std::string_view name);
  /// It failed. Without a call it counts as neither failed nor fine.
  void SetError(std::string_view message);
  /// It is over, now or at `time`, never before its start. The first call counts.
  void End();
  void EndAt(WallTime time);

 private:
  void Finish(WallTime end);
  WallTime Now() const;

  TraceContext context_;
  std::unique_ptr<SpanData> data_;  // null unless recording
  std::shared_ptr<SpanSink> sink_;  // null unless recording
};

struct SpanStart {
  std::string_view name = {};  ///< few different ones: not what differs between calls
  SpanKind kind = SpanKind::kInternal;
  const TraceContext* parent = nullptr;  ///< null or not valid: a trace begins here
  std::optional<WallTime> start = {};    ///< none: now
};

/// All since the tracer was made.
struct TracerStatistics {
  int64_t exported = 0;        ///< spans in batches that the collector took as a whole
  int64_t dropped = 0;         ///< spans that found the queue full, or came after the end
  int64_t lost = 0;            ///< spans in batches that the collector did not take
  int64_t failed_exports = 0;  ///< batches that the collector did not take, or not as a whole
  int64_t queued = 0;          ///< spans that wait now
};

/// What a tracer uses. All outlive the tracer and its spans.
struct TracerParts {
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Logger* logger = nullptr;
};

/// Makes spans. Thread-safe; but for `Shutdown` nothing blocks.
class Tracer {
 public:
  /// Drops what has not been sent; see `Shutdown`.
  virtual ~Tracer() = default;

  /// The tracer that `options` say, with its exporter and one thread for it. Without an exporter
  /// one whose spans are not recorded and pass their parent's context on as it is. Errors:
  /// BAD_ARGUMENT where the endpoint, a header or a certificate cannot be used.
  static arrow::Result<std::unique_ptr<Tracer>> Make(const TracerOptions& options,
                                                     const TracerParts& parts);
  /// The same with another exporter, whatever `options.exporter` says.
  static std::unique_ptr<Tracer> MakeWith(const TracerOptions& options, const TracerParts& parts,
                                          std::unique_ptr<SpanExporter> exporter);

  virtual Span Start(const SpanStart& start) = 0;
  virtual TracerStatistics statistics() const = 0;
  /// Sends what waits, for no longer than `limit`, then drops the rest. Spans that end later are
  /// dropped. Blocks; may be called more than once.
  virtual void Shutdown(std::chrono::milliseconds limit) = 0;
};

}  // namespace longbow::telemetry
