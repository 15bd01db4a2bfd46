#include "telemetry/logger.h"

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "base/utf8.h"

namespace longbow::telemetry {
namespace {

// A pipe that poll() calls writable takes this much without blocking.
constexpr size_t kChunkBytes = 4096;
constexpr size_t kMaxValueBytes = 16 * 1024;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view ColourOf(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return "\033[36m";
    case spdlog::level::warn:
      return "\033[33m";
    case spdlog::level::err:
      return "\033[31m";
    default:
      return "\033[32m";
  }
}

// Appends `text` as a JSON string.
void AppendJson(std::string_view text, std::string* out) {
  const std::string valid = ReplaceInvalidUtf8(CutToBytes(text, kMaxValueBytes));
  *out += '"';
  for (char c : valid) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char escape[8];
          std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned char>(c));
          *out += escape;
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

// `"message":"...","task":"..."`: what follows time and level.
std::string JsonMembers(std::string_view message, const LogFields& fields) {
  std::string out = "\"message\":";
  AppendJson(message, &out);
  for (const auto& [name, value] : fields) {
    std::string unique(name);
    if (unique == "time" || unique == "level" || unique == "message") unique += '_';
    out += ',';
    AppendJson(unique, &out);
    out += ':';
    AppendJson(value, &out);
  }
  return out;
}

// Control characters could make a terminal do things; a new line in a message is kept readable.
void AppendPlain(std::string_view text, std::string* out) {
  for (char c : CutToBytes(text, kMaxValueBytes)) {
    if (c == '\n') {
      *out += "\n    ";
    } else {
      *out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
}

std::string PlainText(std::string_view message, const LogFields& fields) {
  std::string out;
  AppendPlain(message, &out);
  for (const auto& [name, value] : fields) {
    out += "  ";
    AppendPlain(name, &out);
    out += '=';
    AppendPlain(value, &out);
  }
  return out;
}

// Writes lines to a descriptor that may be a pipe whose reader has stopped.
class DescriptorSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(const LogOptions& options) : options_(options) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    if (dropped_ > 0 && !WriteLine(DroppedNotice(msg))) {
      ++dropped_;
      return;
    }
    dropped_ = 0;
    if (!WriteLine(Format(msg))) ++dropped_;
  }
  void flush_() override {}

 private:
  std::string Format(const spdlog::details::log_msg& msg) {
    spdlog::memory_buf_t buffer;
    // Forgets the range of an earlier line that the pattern marked for colours.
    msg.color_range_start = msg.color_range_end = 0;
    formatter_->format(msg, buffer);
    std::string line(buffer.data(), buffer.size());
    if (options_.colours && msg.color_range_end > msg.color_range_start) {
      line.insert(msg.color_range_end, "\033[0m");
      line.insert(msg.color_range_start, ColourOf(msg.level));
    }
    return line;
  }

  std::string DroppedNotice(const spdlog::details::log_msg& like) {
    const std::string text = "Log lines were dropped, because their reader was too slow";
    const LogFields fields = {{"dropped", std::to_string(dropped_)}};
    const std::string payload =
        options_.for_people ? PlainText(text, fields) : JsonMembers(text, fields);
    return Format(spdlog::details::log_msg(like.time, {}, {}, spdlog::level::warn, payload));
  }

  // False where nothing could be written in time.
  bool WriteLine(const std::string& line) {
    std::string_view rest(line);
    std::string closed;
    if (torn_) {
      closed = "\n" + line;
      rest = closed;
    }
    int wait_ms = dropped_ > 0 ? 0 : options_.max_wait_ms;
    const size_t size = rest.size();
    while (!rest.empty()) {
      struct pollfd poll_fd = {options_.fd, POLLOUT, 0};
      const int ready = poll(&poll_fd, 1, wait_ms);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) break;
      const ssize_t written =
          write(options_.fd, rest.data(), rest.size() < kChunkBytes ? rest.size() : kChunkBytes);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;
      rest.remove_prefix(static_cast<size_t>(written));
    }
    // A line that broke off in its middle is ended before the next one.
    if (rest.size() < size) torn_ = !rest.empty();
    return rest.empty();
  }

  const LogOptions options_;
  bool torn_ = false;
  int64_t dropped_ = 0;
};

class SpdlogLogger : public Logger {
 public:
  explicit SpdlogLogger(const LogOptions& options)
      : for_people_(options.for_people),
        logger_("longbow", std::make_shared<DescriptorSink>(options)) {
    logger_.set_level(ToSpdlog(options.level));
    // spdlog's own handler prints to standard error; there is nobody else to tell.
    logger_.set_error_handler([](const std::string&) {});
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        for_people_ ? "%H:%M:%S.%e %^%-7l%$ %v"
                    : "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}",
        for_people_ ? spdlog::pattern_time_type::local : spdlog::pattern_time_type::utc));
  }

  void Log(LogLevel level, std::string_view message, const LogFields& fields) override {
    const auto spdlog_level = ToSpdlog(level);
    if (!logger_.should_log(spdlog_level)) return;
    try {
      logger_.log(spdlog_level, spdlog::string_view_t(for_people_ ? PlainText(message, fields)
                                                                  : JsonMembers(message, fields)));
    } catch (...) {
      // No memory for a line: it is lost, the server goes on.
    }
  }

 private:
  const bool for_people_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Logger> MakeLogger(const LogOptions& options) {
  return std::make_unique<SpdlogLogger>(options);
}

LogLevel ParseLogLevel(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace longbow::telemetry
