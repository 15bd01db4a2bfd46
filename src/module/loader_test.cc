#include "module/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class LoaderTest : public ::testing::Test {
 protected:
  ModuleLoader loader_{LONGBOW_TEST_MODULE_DIR};
};

TEST_F(LoaderTest, LoadsByNameAndByPath) {
  auto by_name = loader_.Load("alpha");
  ASSERT_TRUE(by_name.ok()) << by_name.status();
  EXPECT_EQ(by_name->name, "alpha");
  EXPECT_EQ(by_name->version, "1.0");
  EXPECT_EQ(by_name->path, LONGBOW_TEST_MODULE_DIR "/liblongbow_alpha.so");
  auto sections = by_name->module->SettingsSections();
  ASSERT_EQ(sections.size(), 1u);
  EXPECT_EQ(sections[0].name, "alpha");

  auto by_path = ModuleLoader("/nonexistent").Load(by_name->path);
  ASSERT_TRUE(by_path.ok()) << by_path.status();
  EXPECT_EQ(by_path->name, "alpha");
}

TEST_F(LoaderTest, ListsWhatIsThere) {
  EXPECT_THAT(loader_.AvailableModules(), AllOf(Contains("alpha"), Contains("beta")));
  EXPECT_TRUE(ModuleLoader("/nonexistent").AvailableModules().empty());
}

TEST_F(LoaderTest, RefusesAndSaysWhatToDo) {
  struct Case {
    const char* module;
    ErrorCode code;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"alhpa", ErrorCode::kNotFound, "did you mean alpha?"},
           {"weather", ErrorCode::kNotFound, "; there are alpha, beta, "},
           {"", ErrorCode::kBadArgument, "is no module"},
           {"Bad Name", ErrorCode::kBadArgument, "is no module"},
           {"./nothing.so", ErrorCode::kNotFound, "check the path"},
           {"libc.so.6/", ErrorCode::kNotFound, "check the path"},
           {"create_throws", ErrorCode::kInternalError, "threw an exception: no coffee"},
           {"create_null", ErrorCode::kInternalError, "gave nothing"},
           {"plain", ErrorCode::kBadArgument, "not a Longbow module"},
           {"/proc/self/exe", ErrorCode::kBadArgument, "is not loaded"},
           {"/etc/passwd", ErrorCode::kBadArgument, "no ELF file"},
       }) {
    auto loaded = loader_.Load(c.module);
    ASSERT_FALSE(loaded.ok()) << c.module;
    EXPECT_EQ(ErrorCodeOf(loaded.status()), c.code) << c.module;
    EXPECT_THAT(loaded.status().message(), HasSubstr(c.message)) << c.module;
  }
}

TEST_F(LoaderTest, RefusesAnotherBuildWithBothSides) {
  auto loaded = loader_.Load("other_build");
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.status().message(),
              AllOf(HasSubstr("built as \"longbow 0.0.1 sdk 0123456789abcdef arrow 1.2.3?\""),
                    HasSubstr(LONGBOW_BUILD_IDENTITY), HasSubstr("build the module again")));
}

TEST(DefaultModuleDirTest, IsBesideTheProgramsFolder) {
  EXPECT_THAT(DefaultModuleDir(), ::testing::EndsWith("/lib/longbow/modules"));
}

}  // namespace
}  // namespace longbow
