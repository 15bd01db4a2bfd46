#include "telemetry/log_format.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace longbow::telemetry {
namespace {

constexpr std::array<bool, 256> MakePlainTable() {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlain = MakePlainTable();

bool IsReserved(const LogKeys& keys, std::string_view name) {
  return name == keys.time || name == keys.level || name == keys.message || name == keys.trace ||
         name == "component" || name == kLeftOutField;
}

}  // namespace

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::optional<FieldName> NameField(const LogKeys& keys, const LogFields& fields, size_t index) {
  const auto& [name, value] = fields[index];
  FieldName result{name, 0};
  if (name == "trace_id") {
    result.name = keys.trace;
  } else if (IsReserved(keys, name)) {
    result.underscores = 1;
  }
  for (size_t i = 0; i < index; ++i) {
    if (fields[i].first != name) continue;
    if (fields[i].second == value) return std::nullopt;
    ++result.underscores;
  }
  return result;
}

size_t ControlLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return first < 0x20 || first == 0x7f ? 1 : 0;
  if (first == 0xC2) return byte(1) < 0xA0 ? 2 : 0;  // U+0080 to U+009F
  if (first != 0xE2) return 0;
  // U+200E and U+200F, U+2028 to U+202E, and U+2066 to U+2069.
  const bool found = (byte(1) == 0x80 && (byte(2) == 0x8E || byte(2) == 0x8F ||
                                          (byte(2) >= 0xA8 && byte(2) <= 0xAE))) ||
                     (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9);
  return found ? 3 : 0;
}

size_t PlainLength(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(),
                                [](char c) { return !kPlain[static_cast<uint8_t>(c)]; });
  return static_cast<size_t>(end - text.begin());
}

}  // namespace longbow::telemetry
