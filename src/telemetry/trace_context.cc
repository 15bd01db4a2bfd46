#include "telemetry/trace_context.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "telemetry/span_format.h"

namespace longbow::telemetry {
namespace {

constexpr size_t kTraceparentSize = 55;  // of version 00: 2-32-16-2 digits and the dashes
constexpr size_t kMaxTraceparentSize = 512;
constexpr size_t kMaxStateInputSize = 8192;
constexpr size_t kMaxStateSize = 512;
constexpr size_t kMaxStateMembers = 32;
constexpr size_t kLongMemberSize = 128;
constexpr size_t kMaxKeySize = 256;
constexpr size_t kMaxValueSize = 256;
constexpr uint8_t kSampledFlag = 1;

// -1 for anything but a digit or a to f: upper case is not allowed.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads exactly `text.size() / 2` bytes.
bool ReadHex(std::string_view text, uint8_t* out) {
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out[i / 2] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

template <size_t kSize>
bool IsZero(const std::array<uint8_t, kSize>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

bool IsKey(std::string_view key) {
  const auto is_first = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (key.empty() || key.size() > kMaxKeySize || !is_first(key.front())) return false;
  return std::all_of(key.begin(), key.end(), [&](char c) {
    return is_first(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
  });
}

bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMaxValueSize) return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

std::string_view TrimBlanks(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The list's members in their order; false where one is malformed, doubled, or one too many.
bool SplitState(std::string_view state, std::vector<std::string_view>* members) {
  std::vector<std::string_view> keys;
  while (!state.empty()) {
    const size_t comma = state.find(',');
    const std::string_view member = TrimBlanks(state.substr(0, comma));
    state = comma == std::string_view::npos ? std::string_view() : state.substr(comma + 1);
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view key = member.substr(0, equals);
    if (!IsKey(key) || !IsValue(member.substr(equals + 1))) return false;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
    if (members->size() == kMaxStateMembers) return false;
    keys.push_back(key);
    members->push_back(member);
  }
  return true;
}

size_t JoinedSize(const std::vector<std::string_view>& members) {
  size_t size = members.empty() ? 0 : members.size() - 1;
  for (std::string_view member : members) size += member.size();
  return size;
}

// What is sent on of a `tracestate`; empty where it is malformed.
std::string ReadState(std::string_view state) {
  std::vector<std::string_view> members;
  if (state.size() > kMaxStateInputSize || !SplitState(state, &members)) return {};
  for (size_t i = members.size(); i-- > 0 && JoinedSize(members) > kMaxStateSize;) {
    if (members[i].size() > kLongMemberSize) {
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  while (JoinedSize(members) > kMaxStateSize) members.pop_back();
  std::string joined;
  for (std::string_view member : members) {
    if (!joined.empty()) joined += ',';
    joined += member;
  }
  return joined;
}

}  // namespace

bool TraceContext::valid() const { return !IsZero(trace_id) && !IsZero(span_id); }

std::optional<TraceContext> ParseTraceparent(std::string_view traceparent,
                                             std::string_view tracestate) {
  if (traceparent.size() < kTraceparentSize || traceparent.size() > kMaxTraceparentSize) return {};
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') return {};
  uint8_t version = 0;
  uint8_t flags = 0;
  TraceContext context;
  if (!ReadHex(traceparent.substr(0, 2), &version) ||
      !ReadHex(traceparent.substr(3, 32), context.trace_id.data()) ||
      !ReadHex(traceparent.substr(36, 16), context.span_id.data()) ||
      !ReadHex(traceparent.substr(53, 2), &flags)) {
    return {};
  }
  if (version == 0xff || !context.valid()) return {};
  // Only versions to come may say more, after another dash.
  if (traceparent.size() > kTraceparentSize &&
      (version == 0 || traceparent[kTraceparentSize] != '-')) {
    return {};
  }
  context.sampled = (flags & kSampledFlag) != 0;
  context.state = ReadState(tracestate);
  return context;
}

std::string FormatTraceparent(const TraceContext& context) {
  if (!context.valid()) return {};
  std::string out;
  out.reserve(kTraceparentSize);
  out += "00-";
  out += HexOf(context.trace_id);
  out += '-';
  out += HexOf(context.span_id);
  out += context.sampled ? "-01" : "-00";
  return out;
}

std::string TraceIdHex(const TraceContext& context) {
  return context.valid() ? HexOf(context.trace_id) : std::string();
}

}  // namespace longbow::telemetry
