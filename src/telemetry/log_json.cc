#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "telemetry/log_format.h"

namespace longbow::telemetry {
namespace {

// Beside message and fields: time, level, component, and their keys.
constexpr size_t kUsualHeadBytes = 192;
// Around a field: its quotes, colon and comma.
constexpr size_t kFieldMarkBytes = 6;

// `value` with `digits` digits; of a greater one, the last.
void AppendDigits(int64_t value, int digits, std::string* out) {
  char text[20];
  for (int i = digits - 1; i >= 0; --i, value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out->append(text, static_cast<size_t>(digits));
}

// `2026-01-01T00:00:00.000Z`
void AppendTime(WallTime time, std::string* out) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const int64_t ms = std::chrono::floor<std::chrono::milliseconds>(time - day).count();
  AppendDigits(static_cast<int>(date.year()), 4, out);
  *out += '-';
  AppendDigits(static_cast<unsigned>(date.month()), 2, out);
  *out += '-';
  AppendDigits(static_cast<unsigned>(date.day()), 2, out);
  *out += 'T';
  AppendDigits(ms / 3'600'000, 2, out);
  *out += ':';
  AppendDigits(ms / 60'000 % 60, 2, out);
  *out += ':';
  AppendDigits(ms / 1000 % 60, 2, out);
  *out += '.';
  AppendDigits(ms % 1000, 3, out);
  *out += 'Z';
}

void AppendEscape(uint32_t code, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  *out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) *out += kHex[(code >> shift) & 0xF];
}

// The code point of a character that `ControlLength` found.
uint32_t ControlCode(std::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(character[i]));
  };
  if (character.size() == 1) return byte(0);
  if (character.size() == 2) return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
  return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
}

// Appends valid UTF-8 as the inside of a JSON string.
void AppendEscaped(std::string_view text, std::string* out) {
  while (!text.empty()) {
    const size_t control = ControlLength(text);
    const size_t length = control > 0 ? control : 1;
    if (text[0] == '"' || text[0] == '\\') {
      *out += '\\';
      *out += text[0];
    } else if (text[0] == '\n') {
      *out += "\\n";
    } else if (control > 0) {
      AppendEscape(ControlCode(text.substr(0, length)), out);
    } else {
      *out += text[0];
    }
    text.remove_prefix(length);
  }
}

// Appends any bytes as the inside of a JSON string.
void AppendText(std::string_view text, std::string* out) {
  text = CutToBytes(text, kMaxLogValueBytes);
  const size_t plain = PlainLength(text);
  *out += text.substr(0, plain);
  if (plain < text.size()) AppendEscaped(ReplaceInvalidUtf8(text.substr(plain)), out);
}

class JsonLogFormat : public LogFormat {
 public:
  explicit JsonLogFormat(LogKeys keys)
      : keys_(std::move(keys)),
        time_(Opening("{\"", keys_.time)),
        level_(Opening("\",\"", keys_.level)),
        message_(Opening("\",\"", keys_.message)) {}

  std::string Format(const LogLine& line) const override {
    std::string out;
    out.reserve(UsualBytes(line));
    out += time_;
    AppendTime(line.time, &out);
    out += level_;
    out += LogLevelName(line.level);
    if (!line.component.empty()) {
      out += "\",\"component\":\"";
      AppendText(line.component, &out);
    }
    out += message_;
    AppendText(line.message, &out);
    AppendFields(line.fields, &out);
    out += "\"}";
    return out;
  }

 private:
  // What stands between the value before and the value of `key`.
  static std::string Opening(std::string_view before, std::string_view key) {
    std::string out(before);
    AppendText(key, &out);
    out += "\":\"";
    return out;
  }

  static size_t UsualBytes(const LogLine& line) {
    size_t bytes = kUsualHeadBytes + line.component.size() + line.message.size();
    for (const auto& [name, value] : line.fields)
      bytes += name.size() + value.size() + kFieldMarkBytes;
    return std::min(bytes, kMaxLogLineBytes);
  }

  // Leaves the last value open, as all before it do.
  void AppendFields(const LogFields& fields, std::string* out) const {
    for (size_t i = 0; i < fields.size(); ++i) {
      if (i == kMaxLogFields || out->size() > kMaxLogLineBytes) {
        AppendLeftOut(fields.size() - i, out);
        return;
      }
      const std::optional<FieldName> name = NameField(keys_, fields, i);
      if (!name) continue;
      *out += "\",\"";
      AppendText(name->name, out);
      out->append(name->underscores, '_');
      *out += "\":\"";
      AppendText(fields[i].second, out);
    }
  }

  static void AppendLeftOut(size_t count, std::string* out) {
    *out += "\",\"";
    *out += kLeftOutField;
    *out += "\":\"";
    *out += std::to_string(count);
  }

  const LogKeys keys_;
  const std::string time_;
  const std::string level_;
  const std::string message_;
};

}  // namespace

std::unique_ptr<LogFormat> LogFormat::MakeJson(LogKeys keys) {
  return std::make_unique<JsonLogFormat>(std::move(keys));
}

}  // namespace longbow::telemetry
