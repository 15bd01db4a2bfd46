#include "config/describe.h"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/core_sections.h"

namespace longbow::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<SettingsSection> Sections() {
  std::vector<SettingsSection> sections = CoreSections();
  SettingsSection source{.name = "connector.source", .summary = "A source.", .repeated = true};
  source.settings.push_back(
      {.name = "type", .summary = "Its type.", .choices = {"files", "a|b"}, .required = true});
  source.settings.push_back({.name = "password", .summary = "Its password.", .secret = true});
  sections.push_back(std::move(source));
  return sections;
}

// Takes the comment signs off the settings.
std::string Uncomment(const std::string& sample) {
  std::istringstream lines(sample);
  std::string out, line;
  while (std::getline(lines, line)) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
    out += line + "\n";
  }
  return out;
}

TEST(SampleSettingsTest, IsValidWithAndWithoutItsCommentSigns) {
  const auto sections = Sections();
  for (const std::string& text : {SampleSettings(sections), Uncomment(SampleSettings(sections))}) {
    std::vector<Problem> problems;
    Node document = ParseToml(text, "sample.toml", &problems);
    CheckedSettings checked = CheckSettings(document, sections);
    problems.insert(problems.end(), checked.problems.begin(), checked.problems.end());
    // A port that is not set by default has its smallest value as the example.
    EXPECT_TRUE(problems.empty()) << ProblemsToStatus(problems) << "\n" << text;
  }
}

TEST(ExplainSettingsTest, ShowsValueOriginAndSentenceButNoSecret) {
  const auto sections = Sections();
  std::vector<Problem> problems;
  Node document = ParseToml(
      "[server]\nlisten_port = 5\n"
      "[connector.source.\"New York\"]\ntype = \"files\"\npassword = \"hunter2\"\n",
      "a.toml", &problems);
  const std::string text = ExplainSettings(CheckSettings(document, sections).effective);
  EXPECT_THAT(
      text, AllOf(HasSubstr("listen_port = 5  # a.toml:2\n"), HasSubstr("TCP port to listen on"),
                  HasSubstr("[connector.source.\"New York\"]"),
                  HasSubstr("# password is set, and not shown"), HasSubstr("# node_id is not set"),
                  Not(HasSubstr("hunter2")), HasSubstr("max_command_bytes = \"8MiB\"  # default")));
  // It can be used as a settings file.
  Node again = ParseToml(text, "b.toml", &problems);
  CheckedSettings checked = CheckSettings(again, sections);
  EXPECT_TRUE(problems.empty()) << ProblemsToStatus(problems);
  EXPECT_TRUE(checked.problems.empty()) << ProblemsToStatus(checked.problems);
}

TEST(ReferencePageTest, HasARowForEverySetting) {
  const auto sections = Sections();
  const std::string page = ReferencePage(sections);
  for (const auto& section : sections) {
    for (const auto& spec : section.settings)
      EXPECT_THAT(page, HasSubstr("| `" + spec.name + "` | "));
  }
  EXPECT_THAT(page, AllOf(HasSubstr("## `[server]`"), HasSubstr("## `[connector.source.NAME]`"),
                          HasSubstr("\"a\\|b\""), HasSubstr("Never printed.")));
}

}  // namespace
}  // namespace longbow::config
