#include "telemetry/span_console_exporter.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string_view>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include <longbow/error.h>
#include <nlohmann/json.hpp>

#include "telemetry/span_format.h"

namespace longbow::telemetry {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;

// A pipe that poll() calls writable takes this much without blocking.
constexpr size_t kChunkBytes = 4096;
// How long a cancelled exporter may still wait for a reader.
constexpr milliseconds kPoll(100);

const char* KindName(SpanKind kind) {
  switch (kind) {
    case SpanKind::kServer:
      return "server";
    case SpanKind::kClient:
      return "client";
    case SpanKind::kInternal:
      break;
  }
  return "internal";
}

std::string LineOf(const SpanData& span, const std::string& service) {
  ordered_json line;
  line["name"] = span.name;
  line["kind"] = KindName(span.kind);
  line["service"] = service;
  line["traceId"] = HexOf(span.context.trace_id);
  line["spanId"] = HexOf(span.context.span_id);
  if (!IsNoSpan(span.parent_span_id)) line["parentSpanId"] = HexOf(span.parent_span_id);
  line["startTimeUnixNano"] = std::to_string(UnixNanos(span.start));
  line["endTimeUnixNano"] = std::to_string(UnixNanos(span.end));
  ordered_json attributes = ordered_json::object();
  for (const auto& [name, value] : span.attributes) {
    std::visit([&, &name = name](const auto& v) { attributes[name] = v; }, value);
  }
  line["attributes"] = std::move(attributes);
  ordered_json events = ordered_json::array();
  for (const SpanEvent& event : span.events) {
    events.push_back(
        {{"name", event.name}, {"timeUnixNano", std::to_string(UnixNanos(event.time))}});
  }
  line["events"] = std::move(events);
  if (span.failed) line["error"] = span.error;
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

class ConsoleExporter : public SpanExporter {
 public:
  ConsoleExporter(ConsoleOptions options, const Clock* clock)
      : options_(std::move(options)), clock_(clock) {}

  arrow::Status Export(const SpanBatch& batch, MonotonicTime deadline) override {
    for (const auto& span : batch) {
      std::string line = LineOf(*span, options_.service_name);
      // A line that broke off in its middle is ended before the next one.
      if (torn_) line.insert(0, 1, '\n');
      ARROW_RETURN_NOT_OK(Write(line, deadline));
    }
    return arrow::Status::OK();
  }
  void Cancel() override { cancelled_ = true; }
  std::string destination() const override { return "console"; }

 private:
  arrow::Status Write(std::string_view text, MonotonicTime deadline) {
    const size_t size = text.size();
    while (!text.empty()) {
      ssize_t written = 0;
      if (!WaitForReader(deadline)) {
        written = -1;
        errno = ETIMEDOUT;
      } else {
        written = write(options_.fd, text.data(), std::min(text.size(), kChunkBytes));
      }
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (written < 0) {
        const std::string reason = std::generic_category().message(errno);
        torn_ = text.size() < size || torn_;
        return MakeError(ErrorCode::kInternalError,
                         "Spans cannot be written to the console: " + reason);
      }
      text.remove_prefix(static_cast<size_t>(written));
    }
    torn_ = false;
    return arrow::Status::OK();
  }

  bool WaitForReader(MonotonicTime deadline) {
    while (!cancelled_) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - clock_->Now());
      struct pollfd poll_fd = {options_.fd, POLLOUT, 0};
      const auto wait = std::clamp(left, milliseconds(0), kPoll);
      const int ready = poll(&poll_fd, 1, static_cast<int>(wait.count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
      if (left <= milliseconds(0)) return false;
    }
    return false;
  }

  const ConsoleOptions options_;
  const Clock* const clock_;
  std::atomic<bool> cancelled_{false};
  bool torn_ = false;
};

}  // namespace

std::unique_ptr<SpanExporter> MakeConsoleExporter(const ConsoleOptions& options,
                                                  const Clock* clock) {
  return std::make_unique<ConsoleExporter>(options, clock);
}

}  // namespace longbow::telemetry
