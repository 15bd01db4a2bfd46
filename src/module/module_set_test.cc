#include "module/module_set.h"

#include <mutex>

#include <arrow/record_batch.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Keeps the messages of level info and above.
class ListLogger : public Logger {
 public:
  void Log(LogLevel level, std::string_view message, const LogFields&) override {
    if (level != LogLevel::kDebug) lines_.emplace_back(message);
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

class ModuleSetTest : public ::testing::Test {
 protected:
  arrow::Status RegisterAndStart(ModuleSet* modules, const ModuleContext& context) {
    ARROW_RETURN_NOT_OK(modules->Register(context, registry_.get()));
    return modules->Start();
  }

  ModuleLoader loader_{LONGBOW_TEST_MODULE_DIR};
  Settings settings_;
  ListLogger logger_;
  SystemClock clock_;
  ModuleContext context_{settings_, logger_, clock_, nullptr};
  std::unique_ptr<Registry> registry_ = Registry::Make();
};

TEST_F(ModuleSetTest, StartsInOrderAndStopsInReverse) {
  {
    ModuleSet modules;
    ASSERT_TRUE(modules.Load(loader_, {"beta", "alpha"}).ok());
    auto sections = modules.SettingsSections();
    ASSERT_TRUE(sections.ok());
    ASSERT_EQ(sections->size(), 2u);
    EXPECT_EQ((*sections)[0].name, "beta");
    ASSERT_TRUE(RegisterAndStart(&modules, context_).ok());
    EXPECT_THAT(logger_.lines(), ElementsAre("start beta", "start alpha"));
    EXPECT_NE(registry_->FindService("alpha"), nullptr);
    modules.Stop();
    modules.Stop();
    EXPECT_THAT(logger_.lines(),
                ElementsAre("start beta", "start alpha", "stop alpha", "stop beta"));
  }
  EXPECT_THAT(registry_->services(), IsEmpty());
}

TEST_F(ModuleSetTest, TheDestructorStops) {
  {
    ModuleSet modules;
    ASSERT_TRUE(modules.Load(loader_, {"alpha"}).ok());
    ASSERT_TRUE(RegisterAndStart(&modules, context_).ok());
  }
  EXPECT_THAT(logger_.lines(), ElementsAre("start alpha", "stop alpha"));
}

TEST_F(ModuleSetTest, OneThatCannotStartTakesTheOthersBack) {
  struct Case {
    const char* module;
    ErrorCode code;
    const char* message;
    bool others_start;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"register_throws", ErrorCode::kInternalError,
            "The module register_throws is refused: registering it threw an exception: no coffee",
            false},
           {"register_twice", ErrorCode::kAlreadyExists,
            "The module register_twice is refused: it registers the service register_twice twice",
            false},
           {"register_half", ErrorCode::kNotFound,
            "The module register_half is refused: the other half is missing", false},
           {"start_throws", ErrorCode::kInternalError,
            "The module start_throws is refused: its start threw an exception: no coffee", true},
           {"start_fails", ErrorCode::kResourceExhausted,
            "The module start_fails cannot start: the disk is full; correct that", true},
       }) {
    ListLogger logger;
    ModuleContext context{settings_, logger, clock_, nullptr};
    ModuleSet modules;
    ASSERT_TRUE(modules.Load(loader_, {"alpha", "beta", c.module}).ok());
    arrow::Status status = RegisterAndStart(&modules, context);
    EXPECT_EQ(ErrorCodeOf(status), c.code);
    EXPECT_THAT(status.message(), HasSubstr(c.message));
    EXPECT_THAT(registry_->services(), IsEmpty()) << c.module;
    if (c.others_start) {
      EXPECT_THAT(logger.lines(),
                  ElementsAre("start alpha", "start beta", "stop beta", "stop alpha"));
    } else {
      EXPECT_THAT(logger.lines(), IsEmpty());
    }
  }
  // The registry is as good as new.
  ModuleSet modules;
  ASSERT_TRUE(modules.Load(loader_, {"alpha"}).ok());
  EXPECT_TRUE(RegisterAndStart(&modules, context_).ok());
}

TEST_F(ModuleSetTest, AModuleIsLoadedOnce) {
  ModuleSet modules;
  arrow::Status status =
      modules.Load(loader_, {"alpha", LONGBOW_TEST_MODULE_DIR "/liblongbow_alpha.so"});
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr("two modules with the name alpha"));
}

TEST_F(ModuleSetTest, LoadingEndsAtTheFirstThatCannotBe) {
  ModuleSet modules;
  EXPECT_FALSE(modules.Load(loader_, {"alpha", "other_build", "beta"}).ok());
  ASSERT_EQ(modules.modules().size(), 1u);
  EXPECT_EQ(modules.modules()[0].name, "alpha");
}

}  // namespace
}  // namespace longbow
