#include "module/module_set.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <arrow/record_batch.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/recording_health_reporter.h>
#include <longbow/testing/recording_metrics.h>

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
  bool enabled(LogLevel level) const override { return level != LogLevel::kDebug; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// Gives all modules the same, and remembers what it was told.
class FakeHost : public ModuleHost {
 public:
  explicit FakeHost(Logger* logger) : logger_(logger) {}
  ModuleContext ContextOf(const LoadedModule&) override {
    return {settings_, *logger_, clock_, nullptr, health_, metrics_};
  }
  void OnStarted(const LoadedModule& module) override { told.push_back("started " + module.name); }
  void OnStopped(const LoadedModule& module) override { told.push_back("stopped " + module.name); }

  std::vector<std::string> told;

 private:
  Logger* const logger_;
  Settings settings_;
  SystemClock clock_;
  testing::RecordingHealthReporter health_;
  testing::RecordingMetrics metrics_;
};

// Notes what happens to it.
class NotingModule : public Module {
 public:
  explicit NotingModule(std::vector<std::string> needs) : needs_(std::move(needs)) {}
  std::vector<std::string> DependsOn() const override { return needs_; }
  arrow::Status Register(const ModuleContext&, Registrar&) override { return arrow::Status::OK(); }
  arrow::Status Start() override { return on_start ? on_start() : arrow::Status::OK(); }
  void ApplySettings(const Settings&) override {
    ++settings_applied;
    if (on_settings) on_settings();
  }

  std::function<arrow::Status()> on_start;
  std::function<void()> on_settings;
  int settings_applied = 0;

 private:
  const std::vector<std::string> needs_;
};

class ModuleSetTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kPlenty{60'000};

  arrow::Status RegisterAndStart(ModuleSet* modules) {
    ARROW_RETURN_NOT_OK(modules->Register(&host_, &logger_, registry_.get()));
    return modules->Start(kPlenty);
  }
  static NotingModule* Add(ModuleSet* modules, const std::string& name,
                           std::vector<std::string> needs = {}) {
    auto* module = new NotingModule(std::move(needs));
    modules->Add({name, "1", "", {module, ModuleDestroyer{[](Module* m) { delete m; }}}});
    return module;
  }

  ModuleLoader loader_{LONGBOW_TEST_MODULE_DIR};
  ListLogger logger_;
  FakeHost host_{&logger_};
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
    ASSERT_TRUE(RegisterAndStart(&modules).ok());
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
    ASSERT_TRUE(RegisterAndStart(&modules).ok());
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
    FakeHost host(&logger);
    ModuleSet modules;
    ASSERT_TRUE(modules.Load(loader_, {"alpha", "beta", c.module}).ok());
    arrow::Status status = modules.Register(&host, &logger, registry_.get());
    if (status.ok()) status = modules.Start(kPlenty);
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
  EXPECT_TRUE(RegisterAndStart(&modules).ok());
}

TEST_F(ModuleSetTest, StartsAModuleBehindThoseThatItNeeds) {
  ModuleSet modules;
  Add(&modules, "a", {"c"});
  Add(&modules, "b");
  Add(&modules, "c", {"b"});
  ASSERT_TRUE(RegisterAndStart(&modules).ok());
  modules.Stop();
  EXPECT_THAT(host_.told, ElementsAre("started b", "started c", "started a", "stopped a",
                                      "stopped c", "stopped b"));
}

TEST_F(ModuleSetTest, RefusesNeedsThatCannotBeMet) {
  ModuleSet lonely;
  Add(&lonely, "a", {"b"});
  arrow::Status status = RegisterAndStart(&lonely);
  EXPECT_EQ(status.message(),
            "The module a needs the module b, which is not loaded; add it to the setting modules "
            "of [server]");
  ModuleSet circle;
  Add(&circle, "a", {"b"});
  Add(&circle, "b", {"a"});
  status = RegisterAndStart(&circle);
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_EQ(circle.modules().size(), 2u);
  EXPECT_THAT(host_.told, IsEmpty());
}

TEST_F(ModuleSetTest, GivesUpOnAModuleThatDoesNotStart) {
  // All that the thread needs, which may outlive the test.
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
    bool through = false;
  };
  auto gate = std::make_shared<Gate>();
  // Left as they are by a set whose module hangs; still known, so that no leak is seen.
  static NotingModule* good = nullptr;
  static NotingModule* stuck = nullptr;
  {
    ModuleSet modules;
    good = Add(&modules, "good");
    stuck = Add(&modules, "stuck");
    stuck->on_start = [gate] {
      std::unique_lock lock(gate->mutex);
      gate->changed.wait(lock, [&] { return gate->open; });
      gate->through = true;
      gate->changed.notify_all();
      return arrow::Status::OK();
    };
    ASSERT_TRUE(modules.Register(&host_, &logger_, registry_.get()).ok());
    const arrow::Status status = modules.Start(std::chrono::milliseconds(20));
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kTimeout);
    EXPECT_THAT(status.message(), HasSubstr("The module stuck has not started within 20 ms"));
    EXPECT_TRUE(modules.hung());
    EXPECT_THAT(host_.told, ElementsAre("started good", "stopped good"));
  }
  EXPECT_EQ(good->settings_applied, 0);
  std::unique_lock lock(gate->mutex);
  gate->open = true;
  gate->changed.notify_all();
  gate->changed.wait(lock, [&] { return gate->through; });
}

TEST_F(ModuleSetTest, TellsOfNewSettings) {
  ModuleSet modules;
  NotingModule* module = Add(&modules, "a");
  ASSERT_TRUE(modules.Register(&host_, &logger_, registry_.get()).ok());
  EXPECT_TRUE(modules.ApplySettings({}).ok());
  EXPECT_EQ(module->settings_applied, 0);
  ASSERT_TRUE(modules.Start(kPlenty).ok());
  std::string busy;
  module->on_settings = [&] { busy = modules.busy(); };
  EXPECT_TRUE(modules.ApplySettings({}).ok());
  EXPECT_EQ(module->settings_applied, 1);
  EXPECT_EQ(busy, "the module a to take over settings");
  EXPECT_EQ(modules.busy(), "");
}

TEST_F(ModuleSetTest, OneThatThrowsAtNewSettingsKeepsThemFromNobody) {
  ModuleSet modules;
  NotingModule* first = Add(&modules, "first");
  NotingModule* second = Add(&modules, "second");
  ASSERT_TRUE(RegisterAndStart(&modules).ok());
  first->on_settings = [] { throw std::runtime_error("no coffee"); };
  const arrow::Status applied = modules.ApplySettings({});
  EXPECT_EQ(ErrorCodeOf(applied), ErrorCode::kInternalError);
  EXPECT_THAT(applied.message(), HasSubstr("new settings: first (no coffee); "));
  EXPECT_EQ(second->settings_applied, 1);
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
