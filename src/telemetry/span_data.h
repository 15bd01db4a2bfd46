/// \file
/// A recorded span on its way from who makes it to who exports it. Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <longbow/clock.h>

#include "telemetry/trace.h"

namespace longbow::telemetry {

/// Limits that no setting changes: what all texts of a span may take, and its names.
inline constexpr size_t kMaxSpanBytes = 64 * 1024;
inline constexpr size_t kMaxSpanNameCharacters = 256;

struct SpanEvent {
  std::string name;
  WallTime time;
};

struct SpanData {
  TraceContext context;
  std::array<uint8_t, 8> parent_span_id{};  ///< all zeros: it has no parent
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  WallTime start;
  WallTime end;
  std::vector<std::pair<std::string, AttributeValue>> attributes;
  uint32_t dropped_attributes = 0;
  std::vector<SpanEvent> events;
  uint32_t dropped_events = 0;
  bool failed = false;
  std::string error;  ///< of one that failed; may be empty

  // While it is recorded:
  MonotonicTime anchor;  ///< when it was started here,
  WallTime anchor_wall;  ///< and what the calendar said then
  size_t bytes = 0;      ///< of all texts
};

}  // namespace longbow::telemetry
