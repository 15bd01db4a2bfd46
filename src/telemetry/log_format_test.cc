#include "telemetry/log_format.h"

#include <cstdlib>
#include <ctime>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/testing/fake_clock.h>
#include <longbow/value.h>

namespace longbow::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using std::string_literals::operator""s;

const LogFields kNoFields;

LogLine LineOf(std::string_view message, const LogFields& fields = kNoFields) {
  return {testing::FakeClock().WallNow() + std::chrono::milliseconds(45'296'078), LogLevel::kInfo,
          "", message, fields};
}

std::string Json(const LogLine& line) { return LogFormat::MakeJson({})->Format(line); }
std::string Text(const LogLine& line) { return LogFormat::MakeText({}, false)->Format(line); }

Value Parsed(const std::string& line) {
  auto value = Value::FromJson(line);
  EXPECT_TRUE(value.ok()) << line;
  return value.ok() ? *value : Value();
}

TEST(JsonLogFormatTest, HasTimeLevelComponentMessageAndFields) {
  const LogFields fields = {{"port", "17001"}, {"host", ""}};
  LogLine line = LineOf("started", fields);
  line.component = "server";
  EXPECT_EQ(Json(line), R"({"time":"2026-01-01T12:34:56.078Z","level":"info","component":"server",)"
                        R"("message":"started","port":"17001","host":""})");
  line.component = "";
  line.level = LogLevel::kError;
  EXPECT_THAT(Json(line), HasSubstr(R"(Z","level":"error","message":"started")"));
}

TEST(JsonLogFormatTest, ShowsAnyCalendarDay) {
  LogLine line = LineOf("m");
  line.time = WallTime(std::chrono::seconds(951'782'399));
  EXPECT_THAT(Json(line), HasSubstr("2000-02-28T23:59:59.000Z"));
  line.time = WallTime(std::chrono::milliseconds(-1));
  EXPECT_THAT(Json(line), HasSubstr("1969-12-31T23:59:59.999Z"));
}

TEST(JsonLogFormatTest, NoValueForgesAnything) {
  const std::string hostile =
      "\"},\n{\"level\":\"error\" \\ \x01\r\0 \x7f \xff \xc2\x9b \xe2\x80\xa8 é"s;
  const LogFields fields = {{"a\"b\n", hostile}};
  const std::string line = Json(LineOf(hostile, fields));
  for (char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  EXPECT_THAT(line, Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(line, HasSubstr("\\u009b \\u2028"));
  const Value value = Parsed(line);
  EXPECT_EQ(*value.Find("level"), Value("info"));
  std::string valid = hostile;
  valid.replace(valid.find('\xff'), 1, "\xEF\xBF\xBD");
  EXPECT_EQ(value.Find("message")->as_string(), valid);
  EXPECT_EQ(value.Find("a\"b\n")->as_string(), valid);
}

TEST(JsonLogFormatTest, RenamesFieldsThatWouldHideOthers) {
  const LogFields fields = {
      {"level", "1"}, {"time", "2"}, {"message", "3"}, {"component", "4"}, {"fields_left_out", "5"},
      {"task", "a"},  {"task", "b"}, {"task", "a"},    {"trace_id", "c"},  {"trace_id", "d"}};
  EXPECT_THAT(Json(LineOf("m", fields)),
              HasSubstr(R"("message":"m","level_":"1","time_":"2","message_":"3","component_":"4",)"
                        R"("fields_left_out_":"5","task":"a","task_":"b","trace_id":"c",)"
                        R"("trace_id_":"d"})"));
}

TEST(JsonLogFormatTest, KeysAreTheConfiguredOnes) {
  const LogFields fields = {
      {"level", "1"}, {"severity", "2"}, {"trace_id", "3"}, {"dd.trace", "4"}, {"@t", "5"}};
  const auto format = LogFormat::MakeJson({"@t", "severity", "msg", "dd.trace"});
  EXPECT_EQ(format->Format(LineOf("m", fields)),
            R"({"@t":"2026-01-01T12:34:56.078Z","severity":"info","msg":"m","level":"1",)"
            R"("severity_":"2","dd.trace":"3","dd.trace_":"4","@t_":"5"})");
}

TEST(JsonLogFormatTest, ValuesAndLinesHaveLimits) {
  const LogFields many(kMaxLogFields + 5, LogFields::value_type("x", "y"));
  EXPECT_EQ(*Parsed(Json(LineOf("m", many))).Find("fields_left_out"), Value("5"));
  LogFields large;
  for (int i = 0; i < 20; ++i) large.emplace_back("x", std::string(100'000 + i, '\n'));
  const std::string line = Json(LineOf(std::string(100'000, 'm'), large));
  EXPECT_LT(line.size(), kMaxLogLineBytes + 2 * kMaxLogValueBytes + 200);
  const Value value = Parsed(line);
  EXPECT_EQ(value.Find("message")->as_string().size(), kMaxLogValueBytes);
  EXPECT_THAT(value.Find("fields_left_out"), ::testing::NotNull());
}

TEST(TextLogFormatTest, HasLocalTimeLevelComponentMessageAndFields) {
  const LogFields fields = {{"task", "t1"}, {"path", "a b"}, {"empty", ""}, {"level", "1"}};
  LogLine line = LineOf("ready", fields);
  line.component = "sql";
  const std::string text = Text(line);
  EXPECT_THAT(text, MatchesRegex("[0-9][0-9]:[0-9][0-9]:56[.]078 info    .sql. ready  task=t1 "
                                 "path=\"a b\" empty=\"\" level_=1"));
  const std::time_t seconds = WallTime::clock::to_time_t(line.time);
  std::tm local{};
  localtime_r(&seconds, &local);
  EXPECT_EQ(std::stoi(text), local.tm_hour);
}

TEST(TextLogFormatTest, ColoursLevelAndDimsTheRest) {
  const LogFields fields = {{"task", "t1"}};
  LogLine line = LineOf("oh", fields);
  line.level = LogLevel::kError;
  line.component = "sql";
  EXPECT_THAT(LogFormat::MakeText({}, true)->Format(line),
              HasSubstr("\033[1;31merror\033[0m   \033[2m[sql]\033[0m \033[1moh\033[0m \033[2m "
                        "task=t1\033[0m"));
  EXPECT_THAT(Text(line), Not(HasSubstr("\033")));
}

TEST(TextLogFormatTest, NothingCommandsATerminalOrForgesALine) {
  const std::string hostile = "a\033[2J\r\nb \xc2\x9b\xff \xe2\x80\xae \x7f x\" level=\"error \\";
  const LogFields fields = {{"v\n", hostile}};
  EXPECT_THAT(Text(LineOf(hostile, fields)),
              HasSubstr("info    a?[2J?\n                     b ?\xEF\xBF\xBD ? ? x\" "
                        "level=\"error \\  v\\n=\"a?[2J?\\nb ?\xEF\xBF\xBD ? ? x\\\" "
                        "level=\\\"error \\\\\""));
}

TEST(TextLogFormatTest, CutsLongValues) {
  std::string long_value;
  for (int i = 0; i < 300; ++i) long_value += "é";
  const LogFields fields = {{"v", long_value}, {"w", std::string(200, 'w')}};
  const std::string text = Text(LineOf("m", fields));
  EXPECT_THAT(text, HasSubstr("v=" + long_value.substr(0, 400) + "… w=" + std::string(200, 'w')));
  const LogFields many(kMaxLogFields + 5, LogFields::value_type("x", "y"));
  EXPECT_THAT(Text(LineOf("m", many)), HasSubstr("x=y fields_left_out=5"));
}

}  // namespace
}  // namespace longbow::telemetry
