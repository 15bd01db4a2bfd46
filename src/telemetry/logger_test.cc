#include "telemetry/logger.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/value.h>

namespace longbow::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A pipe whose read end the test holds.
class LoggerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe(fds_), 0);
    options_.fd = fds_[1];
  }
  void TearDown() override {
    close(fds_[0]);
    close(fds_[1]);
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

  int fds_[2] = {-1, -1};
  LogOptions options_;
};

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

TEST_F(LoggerTest, WritesJsonLines) {
  auto logger = MakeLogger(options_);
  logger->Info("started {} % %v", {{"port", "17001"}, {"level", "high"}});
  logger->Debug("not written");
  logger->Warning(std::string("a \"quote\", a \\, a\nline, \x01, bad \xff byte"));
  const auto lines = Lines(ReadAll());
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
  const auto lines = Lines(ReadAll());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], MatchesRegex("[0-9:.]+ debug   hello[?].2J  task=t1"));
  EXPECT_THAT(lines[1], HasSubstr("\033[31merror"));
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
  const auto lines = Lines(ReadAll());
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

TEST(ParseLogLevelTest, KnowsTheSettingsNames) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("info"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("error"), LogLevel::kError);
}

}  // namespace
}  // namespace longbow::telemetry
