#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "telemetry/log_format.h"

namespace longbow::telemetry {
namespace {

// Of a value; a message is shown whole.
constexpr size_t kMaxShownCharacters = 200;
constexpr size_t kMaxCharacterBytes = 4;
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kReset = "\033[0m";
// Further lines of a message stand under its first, so that none can be taken for a line of the
// log.
constexpr std::string_view kNextLine = "\n                     ";
constexpr size_t kLevelWidth = 7;

std::string_view ColourOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "\033[36m";
    case LogLevel::kInfo:
      return "\033[32m";
    case LogLevel::kWarning:
      return "\033[1;33m";
    case LogLevel::kError:
      return "\033[1;31m";
  }
  return {};
}

enum class Quoting { kNone, kEscaped };

// Appends valid UTF-8 such that a terminal only shows it.
void AppendShown(std::string_view text, std::string_view new_line, Quoting quoting,
                 std::string* out) {
  while (!text.empty()) {
    const size_t control = ControlLength(text);
    if (text[0] == '\n') {
      *out += new_line;
    } else if (control > 0) {
      *out += '?';
    } else {
      if (quoting == Quoting::kEscaped && (text[0] == '"' || text[0] == '\\')) *out += '\\';
      *out += text[0];
    }
    text.remove_prefix(control > 0 ? control : 1);
  }
}

// Appends a short text of any bytes on one line. Returns whether something is missing.
bool AppendShort(std::string_view text, Quoting quoting, std::string* out) {
  const std::string_view head = CutToBytes(text, kMaxShownCharacters * kMaxCharacterBytes);
  const std::string valid = ReplaceInvalidUtf8(head);
  const std::string_view shown = CutToCharacters(valid, kMaxShownCharacters);
  AppendShown(shown, "\\n", quoting, out);
  return head.size() < text.size() || shown.size() < valid.size();
}

// A value that could be taken for more than one is quoted.
void AppendValue(std::string_view value, std::string* out) {
  const bool quoted = value.empty() || value.find_first_of(" =\"") != std::string_view::npos;
  if (quoted) *out += '"';
  if (AppendShort(value, quoted ? Quoting::kEscaped : Quoting::kNone, out)) *out += "…";
  if (quoted) *out += '"';
}

// `12:34:56.789`, as the clock on the wall shows it.
void AppendLocalTime(WallTime time, std::string* out) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time - second).count();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(second);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[32];
  std::snprintf(text, sizeof(text), "%02d:%02d:%02d.%03d", local.tm_hour, local.tm_min,
                local.tm_sec, static_cast<int>(ms));
  *out += text;
}

class TextLogFormat : public LogFormat {
 public:
  TextLogFormat(LogKeys keys, bool colours) : keys_(std::move(keys)), colours_(colours) {}

  std::string Format(const LogLine& line) const override {
    std::string out;
    Begin(kDim, &out);
    AppendLocalTime(line.time, &out);
    End(&out);
    out += ' ';
    Begin(ColourOf(line.level), &out);
    const std::string_view level = LogLevelName(line.level);
    out += level;
    End(&out);
    out.append(kLevelWidth - level.size() + 1, ' ');
    if (!line.component.empty()) AppendComponent(line.component, &out);
    const bool loud = line.level >= LogLevel::kWarning;
    if (loud) Begin(kBold, &out);
    AppendShown(ReplaceInvalidUtf8(CutToBytes(line.message, kMaxLogValueBytes)), kNextLine,
                Quoting::kNone, &out);
    if (loud) End(&out);
    if (!line.fields.empty()) AppendFields(line.fields, &out);
    return out;
  }

 private:
  void Begin(std::string_view colour, std::string* out) const {
    if (colours_) *out += colour;
  }
  void End(std::string* out) const {
    if (colours_) *out += kReset;
  }

  void AppendComponent(std::string_view component, std::string* out) const {
    Begin(kDim, out);
    *out += '[';
    AppendShort(component, Quoting::kNone, out);
    *out += ']';
    End(out);
    *out += ' ';
  }

  void AppendFields(const LogFields& fields, std::string* out) const {
    *out += ' ';
    Begin(kDim, out);
    for (size_t i = 0; i < fields.size(); ++i) {
      if (i == kMaxLogFields) {
        *out += ' ';
        *out += kLeftOutField;
        *out += '=' + std::to_string(fields.size() - i);
        break;
      }
      const std::optional<FieldName> name = NameField(keys_, fields, i);
      if (!name) continue;
      *out += ' ';
      AppendShort(name->name, Quoting::kNone, out);
      out->append(name->underscores, '_');
      *out += '=';
      AppendValue(fields[i].second, out);
    }
    End(out);
  }

  const LogKeys keys_;
  const bool colours_;
};

}  // namespace

std::unique_ptr<LogFormat> LogFormat::MakeText(LogKeys keys, bool colours) {
  return std::make_unique<TextLogFormat>(std::move(keys), colours);
}

}  // namespace longbow::telemetry
