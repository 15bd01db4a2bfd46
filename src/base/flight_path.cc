#include <longbow/flight_path.h>

#include <algorithm>
#include <utility>

#include <longbow/error.h>

#include "base/utf8.h"

namespace longbow {
namespace {

arrow::Status PartError(size_t index, const std::string& rule) {
  return MakeError(ErrorCode::kBadArgument,
                   "Part " + std::to_string(index + 1) + " of the path " + rule);
}

bool IsControl(unsigned char byte) { return byte < 0x20 || byte == 0x7f; }

/// C1 control characters, U+0080 to U+009F, in UTF-8: C2 80 to C2 9F.
bool HasC1Control(std::string_view part) {
  for (size_t i = 0; i + 1 < part.size(); ++i) {
    auto next = static_cast<unsigned char>(part[i + 1]);
    if (part[i] == '\xC2' && next >= 0x80 && next <= 0x9f) return true;
  }
  return false;
}

arrow::Status CheckPart(size_t index, const std::string& part) {
  if (part.empty()) {
    return PartError(index, "is empty: a path is written like reports/2026/q1");
  }
  if (part.size() > FlightPath::kMaxPartBytes) {
    return PartError(index, "has " + std::to_string(part.size()) + " bytes; at most " +
                                std::to_string(FlightPath::kMaxPartBytes) + " are allowed");
  }
  if (!IsValidUtf8(part)) return PartError(index, "is not valid UTF-8");
  if (part.find('/') != std::string::npos) {
    return PartError(index, "contains '/', which separates parts: give it as several parts");
  }
  if (std::any_of(part.begin(), part.end(), IsControl) || HasC1Control(part)) {
    return PartError(index, "contains a control character");
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<FlightPath> FlightPath::Make(std::vector<std::string> parts) {
  if (parts.empty()) {
    return MakeError(ErrorCode::kBadArgument,
                     "The path has no parts; it needs 1 to " + std::to_string(kMaxParts));
  }
  if (parts.size() > kMaxParts) {
    return MakeError(ErrorCode::kBadArgument, "The path has " + std::to_string(parts.size()) +
                                                  " parts; at most " + std::to_string(kMaxParts) +
                                                  " are allowed");
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    ARROW_RETURN_NOT_OK(CheckPart(i, parts[i]));
  }
  return FlightPath(std::move(parts));
}

arrow::Result<FlightPath> FlightPath::Parse(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    size_t slash = text.find('/');
    parts.emplace_back(text.substr(0, slash));
    // A text of a million slashes is refused without being taken apart.
    if (slash == std::string_view::npos || parts.size() > kMaxParts) break;
    text.remove_prefix(slash + 1);
  }
  return Make(std::move(parts));
}

std::string FlightPath::ToString() const {
  std::string text;
  for (const std::string& part : parts_) {
    if (!text.empty()) text += '/';
    text += part;
  }
  return text;
}

bool FlightPath::StartsWith(const std::vector<std::string>& prefix) const {
  return prefix.size() <= parts_.size() && std::equal(prefix.begin(), prefix.end(), parts_.begin());
}

}  // namespace longbow
