#include "server/configuration.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace longbow::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigurationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = (std::filesystem::temp_directory_path() /
             ("longbow_configuration_test_" + std::to_string(getpid()) + ".toml"))
                .string();
    request_.files = {file_};
    request_.default_module_dir = LONGBOW_TEST_MODULE_DIR;
  }
  void TearDown() override { std::filesystem::remove(file_); }

  arrow::Result<Configuration> Load(const std::string& toml) {
    std::ofstream(file_) << toml;
    return LoadConfiguration(request_);
  }

  std::string file_;
  ConfigurationRequest request_;
};

TEST_F(ConfigurationTest, TakesModulesAndTheirSettingsFromFiles) {
  request_.environment["LONGBOW_BETA__SIZE"] = "huge";
  auto configuration = Load("[server]\nmodules = ['alpha', 'beta']\n[alpha]\nsize = 'large'\n");
  ASSERT_TRUE(configuration.ok()) << configuration.status();
  const Settings& settings = configuration->checked.settings;
  EXPECT_EQ(settings.GetString("alpha", "size"), "large");
  EXPECT_EQ(settings.GetString("beta", "size"), "huge");
  ASSERT_EQ(configuration->modules->modules().size(), 2u);
  EXPECT_EQ(configuration->modules->modules()[0].name, "alpha");
  EXPECT_EQ(configuration->options.listen_port, 17001);
}

TEST_F(ConfigurationTest, ModulesOfTheCommandLineReplaceTheList) {
  request_.modules = {"beta"};
  auto configuration = Load("[server]\nmodules = ['alpha']\n");
  ASSERT_TRUE(configuration.ok()) << configuration.status();
  ASSERT_EQ(configuration->modules->modules().size(), 1u);
  EXPECT_EQ(configuration->modules->modules()[0].name, "beta");
  // What belongs to a module that is not loaded is unknown.
  EXPECT_THAT(Load("[alpha]\nsize = 'large'\n").status().message(),
              HasSubstr("[alpha] is not a section of the server or of a loaded module"));
}

TEST_F(ConfigurationTest, TheEnvironmentCanNameModulesAndTheirFolder) {
  request_.default_module_dir = "/nonexistent";
  request_.environment = {{"LONGBOW_SERVER__MODULES", "beta"},
                          {"LONGBOW_SERVER__MODULE_DIR", LONGBOW_TEST_MODULE_DIR}};
  auto configuration = Load("");
  ASSERT_TRUE(configuration.ok()) << configuration.status();
  EXPECT_EQ(configuration->modules->modules()[0].name, "beta");
}

TEST_F(ConfigurationTest, CollectsProblemsOfAllSections) {
  request_.environment["LONGBOW_ALPHA__SIZ"] = "huge";
  auto configuration =
      Load("[server]\nmodules = ['alpha']\nlisten_prot = 1\n[alpha]\nsize = 5\n[weather]\n");
  ASSERT_FALSE(configuration.ok());
  EXPECT_THAT(configuration.status().message(),
              AllOf(HasSubstr(file_ + ":3: server.listen_prot is not a setting"),
                    HasSubstr(file_ + ":5: alpha.size is an integer"), HasSubstr("[weather]"),
                    HasSubstr("LONGBOW_ALPHA__SIZ: this is not a setting; did you mean "
                              "LONGBOW_ALPHA__SIZE?")));
}

TEST_F(ConfigurationTest, AModuleThatCannotBeLoadedIsToldBesideTheServersProblems) {
  auto configuration =
      Load("[server]\nmodules = ['alpha', 'other_build']\nuse_tls = 5\n[alpha]\nsize = 'x'\n");
  ASSERT_FALSE(configuration.ok());
  EXPECT_THAT(
      configuration.status().message(),
      AllOf(HasSubstr("server.use_tls"), HasSubstr("it was built as"), Not(HasSubstr("[alpha]"))));
}

TEST_F(ConfigurationTest, WhatIsNoTomlEndsIt) {
  auto configuration = Load("[server\nmodules = ['nothing']\n");
  ASSERT_FALSE(configuration.ok());
  EXPECT_THAT(configuration.status().message(),
              AllOf(HasSubstr("this is not TOML"), Not(HasSubstr("nothing"))));
}

}  // namespace
}  // namespace longbow::server
