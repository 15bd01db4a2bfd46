#include "telemetry/bound_logger.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

namespace longbow::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(BoundLoggerTest, ItsFieldsStandBehindTheLinesOwn) {
  testing::RecordingLogger to;
  std::optional<LogFields> fields = LogFields{{"request_id", "r1"}};
  std::string name = "trace_id";
  fields->emplace_back(name, "t1");
  BoundLogger logger(to, *fields);
  // Nothing of what was given is used any more.
  fields.reset();
  name.assign(name.size(), '?');
  logger.Warning("m", {{"task", "a"}});
  BoundLogger inner(logger, {{"component", "x"}});
  inner.Error("n");
  const auto lines = to.lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].level, LogLevel::kWarning);
  EXPECT_EQ(lines[0].message, "m");
  EXPECT_THAT(lines[0].fields,
              ElementsAre(Pair("task", "a"), Pair("request_id", "r1"), Pair("trace_id", "t1")));
  EXPECT_EQ(lines[1].level, LogLevel::kError);
  EXPECT_THAT(lines[1].fields, ElementsAre(Pair("component", "x"), Pair("request_id", "r1"),
                                           Pair("trace_id", "t1")));
}

// Counts what reaches it although it is off.
class WarningsOnly : public Logger {
 public:
  void Log(LogLevel, std::string_view, const LogFields&) override { ++calls; }
  bool enabled(LogLevel level) const override { return level >= LogLevel::kWarning; }
  int calls = 0;
};

TEST(BoundLoggerTest, ALevelThatIsOffCostsNothing) {
  WarningsOnly to;
  BoundLogger logger(to, {{"request_id", "r1"}});
  EXPECT_FALSE(logger.enabled(LogLevel::kInfo));
  EXPECT_TRUE(logger.enabled(LogLevel::kWarning));
  logger.Info("m", {{"task", "a"}});
  EXPECT_EQ(to.calls, 0);
  logger.Warning("m");
  EXPECT_EQ(to.calls, 1);
}

}  // namespace
}  // namespace longbow::telemetry
