/// \file
/// Which trace something belongs to, as it travels in the headers `traceparent` and `tracestate` of
/// W3C Trace Context. All functions are pure and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace longbow::telemetry {

/// The names of the two headers.
inline constexpr char kTraceparentHeader[] = "traceparent";
inline constexpr char kTracestateHeader[] = "tracestate";

/// One span as others know it: the parent of theirs.
struct TraceContext {
  std::array<uint8_t, 16> trace_id{};
  std::array<uint8_t, 8> span_id{};
  bool sampled = false;  ///< The caller may have recorded its span.
  std::string state;     ///< The value of `tracestate`, to be sent on; often empty.

  /// Whether it names a trace and a span: neither id is all zeros.
  bool valid() const;
};

/// Reads the headers of a call; none where `traceparent` is malformed: the trace begins here then.
///
/// A version above 00 is read as far as 00 goes. A malformed `tracestate` is dropped, and
/// `traceparent` still counts. One of more than 512 characters loses whole members, those of more
/// than 128 characters first, then the last ones.
///
/// \param traceparent the only header of that name; where a call has several, there is no parent
/// \param tracestate all headers of that name, joined with commas; may be empty
std::optional<TraceContext> ParseTraceparent(std::string_view traceparent,
                                             std::string_view tracestate);

/// The value of `traceparent` to send: version 00, 55 characters; empty for a context that is not
/// valid.
std::string FormatTraceparent(const TraceContext& context);

/// The trace's id as 32 lower-case hex digits, for log lines; empty for a context that is not
/// valid.
std::string TraceIdHex(const TraceContext& context);

}  // namespace longbow::telemetry
