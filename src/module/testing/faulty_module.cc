// A module for the tests of the loader, whose FAULT is chosen when it is compiled, and whose name
// is MODULE_NAME. Without a fault it provides the service MODULE_NAME.
#include <cstdlib>
#include <stdexcept>

#include <unistd.h>

#include <arrow/record_batch.h>

#include <longbow/error.h>
#include <longbow/module.h>

#define FAULT_NONE 0
#define FAULT_IDENTITY 1
#define FAULT_CREATE_THROWS 2
#define FAULT_CREATE_NULL 3
#define FAULT_REGISTER_THROWS 4
#define FAULT_START_THROWS 5
#define FAULT_START_FAILS 6
#define FAULT_REGISTER_TWICE 7
#define FAULT_REGISTER_HALF 8
#define FAULT_START_SLOW 9
#define FAULT_STOP_HANGS 10
#define FAULT_SETTINGS_SLOW 11
#define FAULT_SETTINGS_THROWS 12

#if FAULT == FAULT_IDENTITY
#undef LONGBOW_BUILD_IDENTITY
#define LONGBOW_BUILD_IDENTITY "longbow 0.0.1 sdk 0123456789abcdef arrow 1.2.3\n"
#endif

namespace {

class TestService : public longbow::Service {
 public:
  explicit TestService(std::string name) {
    description_.name = std::move(name);
    description_.version = "1";
    description_.summary = "Does nothing.";
  }
  const longbow::ServiceDescription& description() const override { return description_; }
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const longbow::ExecuteRequest& request) override {
    return longbow::MakeError(longbow::ErrorCode::kNotImplemented, "This service does nothing");
  }

 private:
  longbow::ServiceDescription description_;
};

// Until the file is there that the variable names; not at all without it.
[[maybe_unused]] void WaitForFile(const char* variable) {
  const char* file = std::getenv(variable);
  while (file != nullptr && access(file, F_OK) != 0) usleep(10'000);
}

class FaultyModule : public longbow::Module {
 public:
  FaultyModule() {
#if FAULT == FAULT_CREATE_THROWS
    throw std::runtime_error("no coffee");
#endif
  }

  std::vector<longbow::SettingsSection> SettingsSections() const override {
    return {{.name = MODULE_NAME,
             .summary = "A test.",
             .settings = {{.name = "size", .default_value = "small", .summary = "A size."}}}};
  }

  arrow::Status Register(const longbow::ModuleContext& context,
                         longbow::Registrar& registrar) override {
    logger_ = &context.logger;
    ARROW_RETURN_NOT_OK(registrar.AddService(std::make_shared<TestService>(MODULE_NAME)));
#if FAULT == FAULT_REGISTER_THROWS
    throw std::runtime_error("no coffee");
#elif FAULT == FAULT_REGISTER_TWICE
    // Does not look at the answer.
    (void)registrar.AddService(std::make_shared<TestService>(MODULE_NAME));
#elif FAULT == FAULT_REGISTER_HALF
    return longbow::MakeError(longbow::ErrorCode::kNotFound, "the other half is missing");
#endif
    return arrow::Status::OK();
  }

  arrow::Status Start() override {
#if FAULT == FAULT_START_THROWS
    throw std::runtime_error("no coffee");
#elif FAULT == FAULT_START_FAILS
    return longbow::MakeError(longbow::ErrorCode::kResourceExhausted, "the disk is full");
#elif FAULT == FAULT_START_SLOW
    WaitForFile("LONGBOW_TEST_START_FILE");
#endif
    logger_->Info("start " MODULE_NAME);
    return arrow::Status::OK();
  }

  void ApplySettings(const longbow::Settings& /*settings*/) override {
#if FAULT == FAULT_SETTINGS_SLOW
    logger_->Info("apply " MODULE_NAME);
    WaitForFile("LONGBOW_TEST_SETTINGS_FILE");
    logger_->Info("applied " MODULE_NAME);
#elif FAULT == FAULT_SETTINGS_THROWS
    throw std::runtime_error("no coffee");
#endif
  }

  void Stop() override {
    logger_->Info("stop " MODULE_NAME);
#if FAULT == FAULT_STOP_HANGS
    while (true) pause();
#endif
  }

 private:
  longbow::Logger* logger_ = nullptr;
};

}  // namespace

#if FAULT == FAULT_CREATE_NULL
extern "C" {
__attribute__((used, section(".longbow.identity"),
               visibility("default"))) extern const char longbow_module_identity[] =
    LONGBOW_BUILD_IDENTITY;
__attribute__((used, visibility("default"))) extern const ::longbow::ModuleEntry longbow_module = {
    sizeof(::longbow::ModuleEntry),
    MODULE_NAME,
    "1.0",
    LONGBOW_BUILD_IDENTITY,
    []() -> ::longbow::Module* { return nullptr; },
    [](::longbow::Module* module) { delete module; }};
}
#else
LONGBOW_MODULE(FaultyModule, MODULE_NAME, "1.0")
#endif
