#include "telemetry/logger.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_clock.h>
#include <longbow/value.h>

#include "telemetry/bound_logger.h"
#include "telemetry/log_format.h"

namespace longbow::telemetry {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

// A pipe whose read end the test holds.
class LoggerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe2(fds_, O_CLOEXEC), 0);
    options_.fd = fds_[1];
  }
  void TearDown() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  std::unique_ptr<Log> Make() {
    auto log = Log::Make(options_, &clock_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  // All that is in the pipe now.
  std::string ReadAll() {
    fcntl(fds_[0], F_SETFL, O_NONBLOCK);
    std::string text;
    char buffer[65536];
    for (ssize_t n = 0; (n = read(fds_[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
  std::vector<std::string> ReadLines() { return Lines(ReadAll()); }

  int fds_[2] = {-1, -1};
  testing::FakeClock clock_;
  LogOptions options_;
};

TEST_F(LoggerTest, WritesJsonLines) {
  auto logger = MakeLogger(options_);
  logger->Info("started {} % %v", {{"port", "17001"}, {"level", "high"}});
  logger->Debug("not written");
  logger->Warning(std::string("a \"quote\", a \\, a\nline, \x01, bad \xff byte"));
  const auto lines = ReadLines();
  ASSERT_EQ(lines.size(), 2u);
  auto first = Value::FromJson(lines[0]);
  ASSERT_TRUE(first.ok()) << lines[0];
  EXPECT_THAT(first->Find("time")->as_string(),
              MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+[.][0-9][0-9][0-9]Z"));
  EXPECT_EQ(*first->Find("level"), Value("info"));
  EXPECT_EQ(*first->Find("message"), Value("started {} % %v"));
  EXPECT_EQ(*first->Find("port"), Value("17001"));
  EXPECT_EQ(*first->Find("level_"), Value("high"));
  auto second = Value::FromJson(lines[1]);
  ASSERT_TRUE(second.ok()) << lines[1];
  EXPECT_EQ(*second->Find("level"), Value("warning"));
  EXPECT_THAT(second->Find("message")->as_string(), HasSubstr("a \"quote\", a \\, a\nline, \x01"));
}

TEST_F(LoggerTest, WritesTextForPeople) {
  options_.for_people = true;
  options_.level = LogLevel::kDebug;
  MakeLogger(options_)->Debug("hello\033[2J", {{"task", "t1"}});
  options_.colours = true;
  MakeLogger(options_)->Error("oh");
  const auto lines = ReadLines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], MatchesRegex("[0-9:.]+ debug   hello[?].2J  task=t1"));
  EXPECT_THAT(lines[1], HasSubstr("\033[1;31merror"));
}

TEST_F(LoggerTest, DropsLinesRatherThanWaitForAReader) {
  options_.max_wait_ms = 1;
  auto logger = MakeLogger(options_);
  const std::string long_text(3000, 'x');
  // Many times what a pipe holds; without dropping this would never end.
  for (int i = 0; i < 1000; ++i) logger->Info(long_text);
  const std::string before = ReadAll();
  EXPECT_LT(before.size(), 1000u * 3000u);
  logger->Info("after");
  const auto lines = ReadLines();
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines[lines.size() - 2], HasSubstr("dropped"));
  EXPECT_THAT(lines.back(), HasSubstr("after"));
  EXPECT_TRUE(Value::FromJson(lines.back()).ok());
}

TEST_F(LoggerTest, LinesOfThreadsStayWhole) {
  auto logger = MakeLogger(options_);
  std::string text;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n = 0; (n = read(fds_[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) logger->Info("line", {{"text", std::string(200, 'y')}});
    });
  }
  for (auto& writer : writers) writer.join();
  close(fds_[1]);
  reader.join();
  fds_[1] = open("/dev/null", O_WRONLY);
  for (const auto& line : Lines(text)) EXPECT_TRUE(Value::FromJson(line).ok()) << line;
}

TEST_F(LoggerTest, AWrongOptionIsToldAndCostsNoLine) {
  options_.file = "/nowhere/log";
  options_.keys.time = "";
  MakeLogger(options_)->Info("hello");
  const auto lines = ReadLines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("\"level\":\"error\""));
  EXPECT_THAT(lines[1], HasSubstr("\"time\":"));
  EXPECT_THAT(lines[1], HasSubstr("hello"));
}

TEST_F(LoggerTest, ALineNamesItsComponent) {
  const auto log = Make();
  log->component("sql").Info("m", {{"component", "forged"}});
  log->component("").Info("n");
  const std::string time = R"({"time":"2026-01-01T00:00:00.000Z","level":"info",)";
  EXPECT_THAT(ReadLines(),
              ElementsAre(time + R"("component":"sql","message":"m","component_":"forged"})",
                          time + R"("message":"n"})"));
}

TEST_F(LoggerTest, ComponentsAreTheSameForTheSameNameAndHaveALimit) {
  const auto log = Make();
  Logger* first = &log->component("c0");
  for (int i = 0; i < 256; ++i) log->component("c" + std::to_string(i));
  EXPECT_EQ(&log->component("c0"), first);
  EXPECT_NE(&log->component("c1"), first);
  EXPECT_EQ(&log->component("x"), &log->component("y"));
  log->component("x").Info("m");
  EXPECT_THAT(ReadAll(), HasSubstr("\"component\":\"other\""));
  EXPECT_EQ(&log->component(""), &log->component({}));
}

TEST_F(LoggerTest, ALongComponentNameIsCut) {
  const auto log = Make();
  const std::string name(64, 'c');
  EXPECT_EQ(&log->component(name), &log->component(name + "d"));
}

TEST_F(LoggerTest, EachComponentHasItsLevel) {
  options_.level = LogLevel::kWarning;
  options_.component_levels = {{"sql", LogLevel::kDebug}, {"flight", LogLevel::kError}};
  const auto log = Make();
  for (const char* name : {"", "sql", "flight", "storage"}) {
    log->component(name).Debug("debug");
    log->component(name).Warning("warning");
  }
  EXPECT_EQ(ReadLines().size(), 4u);
  EXPECT_THAT(log->UnusedLevels(), IsEmpty());
  EXPECT_TRUE(log->component("sql").enabled(LogLevel::kDebug));
  EXPECT_FALSE(log->component("flight").enabled(LogLevel::kWarning));
  log->SetLevels(LogLevel::kInfo, {{"", LogLevel::kDebug}, {"new", LogLevel::kError}});
  EXPECT_THAT(log->UnusedLevels(), ElementsAre("new"));
  EXPECT_TRUE(log->component("").enabled(LogLevel::kDebug));
  EXPECT_FALSE(log->component("sql").enabled(LogLevel::kDebug));
  EXPECT_TRUE(log->component("flight").enabled(LogLevel::kInfo));
  EXPECT_FALSE(log->component("new").enabled(LogLevel::kWarning));
}

TEST_F(LoggerTest, LevelsChangeWhileOthersLog) {
  options_.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  options_.level = LogLevel::kError;
  const auto log = Make();
  Logger& logger = log->component("sql");
  std::atomic<bool> over{false};
  std::thread writer([&] {
    while (!over) logger.Info("m");
  });
  log->SetLevels(LogLevel::kError, {{"sql", LogLevel::kInfo}});
  while (log->statistics().written == 0) std::this_thread::yield();
  for (int i = 0; i < 1000; ++i) {
    log->SetLevels(i % 2 == 0 ? LogLevel::kError : LogLevel::kInfo, {});
    log->component("c" + std::to_string(i % 10));
  }
  over = true;
  writer.join();
  EXPECT_EQ(log->statistics().dropped, 0);
  close(options_.fd);
}

TEST_F(LoggerTest, RepeatsAreCountedAndTold) {
  options_.max_repeats = 2;
  const auto log = Make();
  Logger& logger = log->component("sql");
  for (int i = 0; i < 5; ++i) logger.Warning("slow", {{"i", std::to_string(i)}});
  EXPECT_EQ(ReadLines().size(), 2u);
  EXPECT_EQ(log->statistics().suppressed, 3);
  clock_.Advance(seconds(9));
  log->Tick();
  log->component("").Info("other");
  EXPECT_EQ(ReadLines().size(), 1u);
  clock_.Advance(seconds(1));
  log->Tick();
  log->Tick();
  EXPECT_THAT(ReadLines(), ElementsAre(R"({"time":"2026-01-01T00:00:10.000Z","level":"warning",)"
                                       R"("component":"sql","message":"slow","repeated":"3"})"));
  logger.Warning("slow");
  EXPECT_EQ(ReadLines().size(), 1u);
}

TEST_F(LoggerTest, TheNextLineOfAnyKindTellsOfRepeats) {
  const auto log = Make();
  for (int i = 0; i < 12; ++i) log->component("sql").Error("bad");
  EXPECT_EQ(ReadLines().size(), 10u);
  clock_.Advance(seconds(10));
  log->component("").Info("other");
  const auto lines = ReadLines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("\"repeated\":\"2\""));
  EXPECT_THAT(lines[1], HasSubstr("other"));
}

TEST_F(LoggerTest, TheEndTellsOfRepeats) {
  auto log = Make();
  for (int i = 0; i < 12; ++i) log->component("").Error("bad");
  ReadAll();
  log.reset();
  EXPECT_THAT(ReadAll(), HasSubstr("\"repeated\":\"2\""));
}

TEST_F(LoggerTest, LinesOfFinishedCallsAreNeverLeftOut) {
  options_.level = LogLevel::kDebug;
  const auto log = Make();
  for (int i = 0; i < 100; ++i) log->component("").Info("call finished");
  for (int i = 0; i < 100; ++i) log->component("").Debug("step");
  EXPECT_EQ(ReadLines().size(), 200u);
}

TEST_F(LoggerTest, RepeatsHaveNoLimitWhereNoneIsSet) {
  options_.max_repeats = 0;
  const auto log = Make();
  for (int i = 0; i < 100; ++i) log->component("").Error("bad");
  EXPECT_EQ(ReadLines().size(), 100u);
}

TEST_F(LoggerTest, KeysAreTheConfiguredOnes) {
  options_.keys = {"@timestamp", "severity", "msg", "trace.id"};
  const auto log = Make();
  BoundLogger call(log->component("sql"), {{"request_id", "r1"}, {"trace_id", "t1"}});
  call.Info("m", {{"severity", "high"}});
  EXPECT_EQ(ReadAll(), R"({"@timestamp":"2026-01-01T00:00:00.000Z","severity":"info",)"
                       R"("component":"sql","msg":"m","severity_":"high","request_id":"r1",)"
                       R"("trace.id":"t1"})"
                       "\n");
}

TEST_F(LoggerTest, WrongOptionsAreRefused) {
  const auto code_with = [&](const std::function<void(LogOptions*)>& change) {
    LogOptions options;
    change(&options);
    return ErrorCodeOf(Log::Make(std::move(options), &clock_).status());
  };
  for (const char* key : {"", "a\"b", "a\\b", "a\nb", "é", "level", "message", "component"}) {
    EXPECT_EQ(code_with([&](LogOptions* options) { options->keys.time = key; }),
              ErrorCode::kBadArgument)
        << key;
  }
  const std::function<void(LogOptions*)> changes[] = {
      [](LogOptions* options) { options->keys.trace = std::string(65, 'a'); },
      [](LogOptions* options) { options->keys.trace = "level"; },
      [](LogOptions* options) { options->max_wait_ms = -1; },
      [](LogOptions* options) { options->max_repeats = -1; },
      [](LogOptions* options) { options->repeat_window_sec = 0; },
      [](LogOptions* options) { options->file = "/nowhere/log"; },
  };
  for (const auto& change : changes) EXPECT_EQ(code_with(change), ErrorCode::kBadArgument);
}

// Replaces each `word`.
LogRedaction Hide(const std::string& word) {
  return [word](std::string_view text) -> std::optional<std::string> {
    std::string redacted(text);
    for (size_t at = 0; (at = redacted.find(word, at)) != std::string::npos;) {
      redacted.replace(at, word.size(), "***");
    }
    return redacted == text ? std::nullopt : std::optional(redacted);
  };
}

TEST_F(LoggerTest, RedactionSeesTextsAsTheyAre) {
  const std::string secret = "line \"one\"\nline \\two\x01";
  options_.redact = Hide(secret);
  const auto log = Make();
  log->component("").Error("a " + secret, {{"value", secret + "!"}});
  // Neither is it shown in part where a value is too long.
  log->component("").Error("m", {{"value", std::string(kMaxLogValueBytes - 5, 'x') + secret}});
  const auto lines = ReadLines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr(R"("message":"a ***","value":"***!"})"));
  EXPECT_THAT(lines[1], AllOf(HasSubstr("xx***\""), Not(HasSubstr("line"))));
}

TEST_F(LoggerTest, RedactionSeesEveryLine) {
  options_.redact = Hide("secret");
  options_.max_repeats = 1;
  auto log = Make();
  log->component("c").Error("a secret", {{"secret", "my secret"}});
  log->component("c").Error("a secret");
  log->SetRedact(Hide("hidden"));
  log->component("").Info("a secret, hidden");
  log->SetRedact(Hide("secret"));
  log.reset();
  const auto lines = ReadLines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr(R"("c","message":"a ***","hidden":"my ***"})"));
  EXPECT_THAT(lines[1], HasSubstr("a secret, ***"));
  EXPECT_THAT(lines[2], HasSubstr(R"("message":"a ***","repeated":"1"})"));
}

TEST_F(LoggerTest, ALineThatCannotBeRedactedIsLost) {
  options_.redact = [](std::string_view) -> std::optional<std::string> {
    throw std::runtime_error("no");
  };
  const auto log = Make();
  log->component("").Info("a secret");
  EXPECT_EQ(log->statistics().dropped, 1);
  log->SetRedact({});
  log->component("").Info("next");
  EXPECT_THAT(ReadLines(), ElementsAre(HasSubstr("next")));
}

TEST_F(LoggerTest, TickTellsOfDroppedLines) {
  options_.max_wait_ms = 0;
  const auto log = Make();
  while (log->statistics().dropped == 0) log->component("").Info(std::string(3000, 'x'));
  ReadAll();
  log->Tick();
  EXPECT_THAT(ReadAll(),
              HasSubstr(R"("level":"warning","message":"Log lines were dropped, because )"
                        R"(they could not be written","dropped":"1","reason":)"
                        R"("the reader is too slow"})"));
}

TEST_F(LoggerTest, AFullDiskIsCounted) {
  options_.file = "/dev/full";
  const auto log = Make();
  for (int i = 0; i < 3; ++i) log->component("").Info("m");
  EXPECT_EQ(log->statistics().dropped, 3);
  EXPECT_EQ(log->statistics().written, 0);
  EXPECT_THAT(ReadAll(), IsEmpty());
}

TEST_F(LoggerTest, ReopensItsFileWhileOthersLog) {
  std::string folder = (std::filesystem::temp_directory_path() / "longbow-log-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  options_.file = folder + "/log";
  auto log = Make();
  std::thread writer([&] {
    for (int i = 0; i < 2000; ++i) log->component("").Info("line");
  });
  for (int i = 0; i < 10; ++i) {
    std::filesystem::rename(options_.file, options_.file + "." + std::to_string(i));
    EXPECT_TRUE(log->Reopen().ok());
  }
  writer.join();
  std::filesystem::create_directory(folder + "/in the way");
  std::filesystem::rename(options_.file, options_.file + ".10");
  std::filesystem::rename(folder + "/in the way", options_.file);
  EXPECT_FALSE(log->Reopen().ok());
  log->component("").Info("line");
  log.reset();
  size_t lines = 0;
  for (int i = 0; i <= 10; ++i) {
    std::ostringstream text;
    text << std::ifstream(options_.file + "." + std::to_string(i)).rdbuf();
    for (const std::string& line : Lines(text.str())) {
      EXPECT_TRUE(Value::FromJson(line).ok()) << line;
      ++lines;
    }
  }
  EXPECT_EQ(lines, 2001u);
  std::filesystem::remove_all(folder);
}

TEST(ParseLogLevelTest, KnowsTheSettingsNames) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("info"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("error"), LogLevel::kError);
}

}  // namespace
}  // namespace longbow::telemetry
