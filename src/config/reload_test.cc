#include "config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/document.h"

namespace longbow::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<SettingsSection> Sections() {
  return {
      {.name = "plain",
       .summary = "A section.",
       .settings =
           {{.name = "level", .default_value = "info", .summary = "A text.", .reloadable = true},
            {.name = "port",
             .type = SettingType::kInt,
             .default_value = int64_t{1},
             .summary = "A number."}}},
      {.name = "token",
       .summary = "A section.",
       .repeated = true,
       .settings = {{.name = "value", .summary = "A text.", .reloadable = true}}},
      {.name = "source",
       .summary = "A section.",
       .repeated = true,
       .settings = {{.name = "path", .summary = "A text."}}}};
}

SettingTables Read(const std::string& toml) {
  std::vector<Problem> problems;
  return CheckSettings(ParseToml(toml, "t.toml", &problems), Sections()).tables;
}

TEST(MergeReloadable, TakesOverWhatMayChange) {
  const Reload reload = MergeReloadable(Read("[plain]\nlevel = 'info'\nport = 1\n"),
                                        Read("[plain]\nlevel = 'debug'\nport = 2\n"), Sections());
  EXPECT_THAT(reload.changed, ElementsAre("plain.level"));
  EXPECT_THAT(reload.need_restart, ElementsAre("plain.port"));
  const Settings settings = reload.tables.ToSettings();
  EXPECT_EQ(settings.GetString("plain", "level"), "debug");
  EXPECT_EQ(settings.GetInt("plain", "port"), 1);
}

TEST(MergeReloadable, TablesComeAndGo) {
  const Reload reload =
      MergeReloadable(Read("[token.a]\nvalue = '1'\n[token.b]\nvalue = '2'\n"),
                      Read("[token.b]\nvalue = '3'\n[token.c]\nvalue = '4'\n"), Sections());
  EXPECT_THAT(reload.changed, ElementsAre("token.b.value", "token.c", "token.a"));
  EXPECT_THAT(reload.need_restart, IsEmpty());
  const Settings settings = reload.tables.ToSettings();
  EXPECT_FALSE(settings.GetRepeated("token").contains("a"));
  EXPECT_EQ(settings.GetRepeated("token").at("b").at("value").as_string(), "3");
  EXPECT_EQ(settings.GetRepeated("token").at("c").at("value").as_string(), "4");
}

TEST(MergeReloadable, OthersStayUntilTheRestart) {
  const Reload reload = MergeReloadable(Read("[source.a]\npath = '1'\n"),
                                        Read("[source.b]\npath = '2'\n"), Sections());
  EXPECT_THAT(reload.changed, IsEmpty());
  EXPECT_THAT(reload.need_restart, ElementsAre("source.b", "source.a"));
  EXPECT_TRUE(reload.tables.ToSettings().GetRepeated("source").contains("a"));
}

TEST(MergeReloadable, NothingChangesWhereNothingDiffers) {
  const auto tables = Read("[token.a]\nvalue = '1'\n");
  const Reload reload = MergeReloadable(tables, tables, Sections());
  EXPECT_THAT(reload.changed, IsEmpty());
  EXPECT_THAT(reload.need_restart, IsEmpty());
}

}  // namespace
}  // namespace longbow::config
