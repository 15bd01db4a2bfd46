#include "config/resolve.h"

#include <map>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "config/document.h"

namespace longbow::config {
namespace {

std::vector<SettingsSection> Sections() {
  return {{.name = "plain",
           .summary = "A section.",
           .settings = {{.name = "password", .summary = "A text.", .secret = true},
                        {.name = "level",
                         .default_value = "info",
                         .summary = "A choice.",
                         .choices = {"info", "error"}},
                        {.name = "count",
                         .type = SettingType::kInt,
                         .default_value = int64_t{3},
                         .summary = "A number."},
                        {.name = "names",
                         .type = SettingType::kStringList,
                         .default_value = Value::List{},
                         .summary = "Texts."}}},
          {.name = "many",
           .summary = "A section.",
           .repeated = true,
           .settings = {{.name = "token", .summary = "A text.", .secret = true}}}};
}

class ResolveTest : public ::testing::Test {
 protected:
  Settings Resolve(const std::string& toml) {
    const auto sections = Sections();
    const CheckedSettings checked = CheckSettings(ParseToml(toml, "t.toml", &problems_), sections);
    problems_.insert(problems_.end(), checked.problems.begin(), checked.problems.end());
    const auto resolve = [this](const SettingSpec&,
                                std::string_view text) -> arrow::Result<std::string> {
      if (!text.starts_with("env:")) return std::string(text);
      auto it = environment_.find(std::string(text.substr(4)));
      if (it != environment_.end()) return it->second;
      return MakeError(ErrorCode::kNotFound, std::string(text) + " is not set");
    };
    return ResolveSettings(checked.tables, sections, resolve, &problems_);
  }

  std::map<std::string, std::string> environment_ = {{"PW", "marked-secret"}, {"LEVEL", "error"}};
  std::vector<Problem> problems_;
};

TEST_F(ResolveTest, PutsSecretsWhereTheyAreReferredTo) {
  const Settings settings = Resolve(
      "[plain]\npassword = 'env:PW'\nlevel = 'env:LEVEL'\nnames = ['a', 'env:PW']\n"
      "[many.x]\ntoken = 'env:PW'\n");
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(settings.GetString("plain", "password"), "marked-secret");
  EXPECT_EQ(settings.GetString("plain", "level"), "error");
  EXPECT_EQ(settings.GetInt("plain", "count"), 3);
  EXPECT_EQ(settings.Get("plain", "names").as_list()[1].as_string(), "marked-secret");
  EXPECT_EQ(settings.GetRepeated("many").at("x").at("token").as_string(), "marked-secret");
}

TEST_F(ResolveTest, NamesTheSettingAndTheReferenceOfWhatIsMissing) {
  const Settings settings = Resolve("[many.x]\ntoken = 'env:NOT_THERE'\n");
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_EQ(problems_[0].text, "many.x.token cannot be used: env:NOT_THERE is not set");
  EXPECT_TRUE(settings.GetRepeated("many").at("x").at("token").is_null());
}

TEST_F(ResolveTest, ASecretThatIsNoChoiceIsNotShown) {
  Resolve("[plain]\nlevel = 'env:PW'\n");
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_EQ(problems_[0].text.find("plain.level cannot be used: "), 0u);
  EXPECT_EQ(problems_[0].text.find("marked-secret"), std::string::npos);
}

TEST_F(ResolveTest, ABadReferenceIsAProblemOfItsPlace) {
  Resolve("[plain]\npassword = 'env:'\n");
  ASSERT_FALSE(problems_.empty());
  EXPECT_EQ(problems_[0].place, "t.toml:2");
  EXPECT_EQ(problems_[0].text.find("plain.password is no good reference: "), 0u);
}

}  // namespace
}  // namespace longbow::config
