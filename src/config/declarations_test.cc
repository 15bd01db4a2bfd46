#include "config/declarations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/core_sections.h"

namespace longbow::config {
namespace {

using ::testing::HasSubstr;

SettingsSection Section(std::string name, std::vector<SettingSpec> settings,
                        bool repeated = false) {
  return {.name = std::move(name),
          .summary = "A section.",
          .repeated = repeated,
          .settings = std::move(settings)};
}

SettingSpec Spec(std::string name, Value default_value = nullptr) {
  return {.name = std::move(name),
          .type = SettingType::kString,
          .default_value = std::move(default_value),
          .summary = "A setting."};
}

TEST(CheckDeclarationsTest, AcceptsTheServersOwn) {
  EXPECT_TRUE(CheckDeclarations(CoreSections()).ok()) << CheckDeclarations(CoreSections());
}

TEST(CheckDeclarationsTest, RefusesWhatCannotWork) {
  SettingSpec no_summary = Spec("a");
  no_summary.summary.clear();
  SettingSpec bad_default = Spec("a", 5);
  SettingSpec out_of_bounds = Spec("a", 5);
  out_of_bounds.type = SettingType::kInt;
  out_of_bounds.max = 4;
  SettingSpec required = Spec("a");
  required.required = true;
  struct Case {
    std::vector<SettingsSection> sections;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {{Section("Bad", {})}, "snake_case"},
           {{Section("a..b", {})}, "snake_case"},
           {{Section("a", {}), Section("a", {})}, "declared twice"},
           {{Section("a", {Spec("x"), Spec("x")})}, "a.x is declared twice"},
           {{Section("a", {Spec("listenPort")})}, "snake_case"},
           {{Section("a", {Spec("two__lines")})}, "snake_case"},
           {{Section("s", {no_summary})}, "no summary"},
           {{Section("s", {bad_default})}, "bad default"},
           {{Section("s", {out_of_bounds})}, "at most 4"},
           {{Section("s", {required})}, "required"},
           {{Section("a", {Spec("b")}), Section("a.b", {})}, "name of a setting"},
           {{Section("a.b", {}, true), Section("a.b.c", {})}, "within the repeated section"},
       }) {
    EXPECT_THAT(CheckDeclarations(c.sections).ToString(), HasSubstr(c.message));
  }
}

TEST(EnvironmentNameTest, IsUpperCase) {
  EXPECT_EQ(EnvironmentName("server", "", "listen_port"), "LONGBOW_SERVER__LISTEN_PORT");
  EXPECT_EQ(EnvironmentName("connector.source", "my-data", "path"),
            "LONGBOW_CONNECTOR__SOURCE__MY_DATA__PATH");
}

}  // namespace
}  // namespace longbow::config
