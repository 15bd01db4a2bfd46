#include "module/registry.h"

#include <functional>
#include <stdexcept>

#include <arrow/record_batch.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/recording_health_reporter.h>
#include <longbow/testing/recording_metrics.h>

namespace longbow {
namespace {

using ::testing::HasSubstr;

class FakeService : public Service {
 public:
  explicit FakeService(ServiceDescription description) : description_(std::move(description)) {}
  const ServiceDescription& description() const override { return description_; }
  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(const ExecuteRequest&) override {
    return MakeError(ErrorCode::kNotImplemented, "Not in this test");
  }

 private:
  ServiceDescription description_;
};

class FakeStore : public FlightStore {
 public:
  arrow::Result<std::unique_ptr<FlightPut>> BeginPut(PutRequest) override {
    return MakeError(ErrorCode::kNotImplemented, "Not in this test");
  }
  std::shared_ptr<const StoredFlight> Find(const FlightPath&,
                                           std::optional<int64_t>) const override {
    return nullptr;
  }
  std::vector<StoredFlightInfo> List(const std::vector<std::string>&, int64_t) const override {
    return {};
  }
  arrow::Result<int64_t> Delete(const std::vector<FlightPath>&) override { return 0; }
  arrow::Result<int64_t> DeletePrefix(const std::vector<std::string>&) override { return 0; }
  int64_t revision() const override { return 0; }
};

class FakeModule : public Module {
 public:
  using Body = std::function<arrow::Status(Registrar&)>;
  explicit FakeModule(Body body) : body_(std::move(body)) {}
  arrow::Status Register(const ModuleContext&, Registrar& registrar) override {
    return body_(registrar);
  }

 private:
  Body body_;
};

ServiceDescription Description(std::string name) {
  return {.name = std::move(name), .version = "1", .summary = "Does nothing.", .fields = {}};
}

std::shared_ptr<Service> MakeService(std::string name) {
  return std::make_shared<FakeService>(Description(std::move(name)));
}

class RegistryTest : public ::testing::Test {
 protected:
  arrow::Status Register(const std::string& name, FakeModule::Body body) {
    FakeModule module(std::move(body));
    return registry_->Register(name, module, context_);
  }

  Settings settings_;
  NullLogger logger_;
  SystemClock clock_;
  testing::RecordingHealthReporter health_;
  testing::RecordingMetrics metrics_;
  ModuleContext context_{settings_, logger_, clock_, nullptr, health_, metrics_};
  std::unique_ptr<Registry> registry_ = Registry::Make();
};

TEST_F(RegistryTest, KnowsWhatWasRegistered) {
  auto store = std::make_shared<FakeStore>();
  auto first = std::make_shared<FlightMethods>();
  auto second = std::make_shared<FlightMethods>();
  ASSERT_TRUE(Register("b", [&](Registrar& r) {
                ARROW_RETURN_NOT_OK(r.AddService(MakeService("sql")));
                return r.AddFlightMethods(first);
              }).ok());
  ASSERT_TRUE(Register("a", [&](Registrar& r) {
                ARROW_RETURN_NOT_OK(r.AddService(MakeService("connector")));
                ARROW_RETURN_NOT_OK(r.SetFlightStore(store));
                return r.AddFlightMethods(second);
              }).ok());
  ASSERT_NE(registry_->FindService("sql"), nullptr);
  EXPECT_EQ(registry_->FindService("sql")->description().name, "sql");
  EXPECT_EQ(registry_->FindService("sqlx"), nullptr);
  ASSERT_EQ(registry_->services().size(), 2u);
  EXPECT_EQ(registry_->services()[0]->description().name, "connector");
  EXPECT_EQ(registry_->store(), store);
  EXPECT_THAT(registry_->methods(), ::testing::ElementsAre(first, second));
  EXPECT_EQ(registry_->NearestService("slq"), "sql");
  EXPECT_EQ(registry_->NearestService("weather"), "");

  registry_->Remove("b");
  EXPECT_EQ(registry_->FindService("sql"), nullptr);
  EXPECT_THAT(registry_->methods(), ::testing::ElementsAre(second));
  EXPECT_EQ(registry_->store(), store);
}

TEST_F(RegistryTest, TakesAllOrNothing) {
  arrow::Status status = Register("half", [](Registrar& r) {
    ARROW_RETURN_NOT_OK(r.AddService(MakeService("first")));
    ARROW_RETURN_NOT_OK(r.SetFlightStore(std::make_shared<FakeStore>()));
    ARROW_RETURN_NOT_OK(r.AddFlightMethods(std::make_shared<FlightMethods>()));
    return MakeError(ErrorCode::kNotFound, "the second is missing");
  });
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kNotFound);
  EXPECT_EQ(status.message(), "The module half is refused: the second is missing");
  EXPECT_TRUE(registry_->services().empty());
  EXPECT_EQ(registry_->store(), nullptr);
  EXPECT_TRUE(registry_->methods().empty());
  // The name is free again.
  EXPECT_TRUE(
      Register("half", [](Registrar& r) { return r.AddService(MakeService("first")); }).ok());
}

TEST_F(RegistryTest, AnExceptionIsAnError) {
  arrow::Status status = Register("bad", [](Registrar& r) -> arrow::Status {
    ARROW_RETURN_NOT_OK(r.AddService(MakeService("first")));
    throw std::runtime_error("no coffee");
  });
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kInternalError);
  EXPECT_THAT(status.message(), HasSubstr("The module bad is refused: registering it threw an "
                                          "exception: no coffee"));
  status = Register("bad", [](Registrar&) -> arrow::Status { throw 5; });
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kInternalError);
  EXPECT_TRUE(registry_->services().empty());
}

TEST_F(RegistryTest, NamesAreUniqueEvenIfTheModuleDoesNotCare) {
  ASSERT_TRUE(Register("one", [](Registrar& r) {
                ARROW_RETURN_NOT_OK(r.SetFlightStore(std::make_shared<FakeStore>()));
                return r.AddService(MakeService("sql"));
              }).ok());
  struct Case {
    const char* module;
    FakeModule::Body body;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"two",
            [](Registrar& r) {
              (void)r.AddService(MakeService("sql"));
              return r.AddService(MakeService("other"));
            },
            "another module has the service sql already"},
           {"three",
            [](Registrar& r) {
              (void)r.AddService(MakeService("x"));
              (void)r.AddService(MakeService("x"));
              return arrow::Status::OK();
            },
            "registers the service x twice"},
           {"four",
            [](Registrar& r) {
              (void)r.SetFlightStore(std::make_shared<FakeStore>());
              return arrow::Status::OK();
            },
            "a node has one store"},
           {"one", [](Registrar&) { return arrow::Status::OK(); }, "it is loaded already"},
       }) {
    arrow::Status status = Register(c.module, c.body);
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kAlreadyExists) << c.message;
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
  EXPECT_EQ(registry_->services().size(), 1u);
}

TEST_F(RegistryTest, RefusesBadDescriptions) {
  auto with_field = [](PayloadField field) {
    ServiceDescription description = Description("x");
    description.fields = {std::move(field)};
    return description;
  };
  PayloadField field{.name = "query", .summary = "The query."};
  ServiceDescription twice = Description("x");
  twice.fields = {field, field};
  ServiceDescription no_version = Description("x");
  no_version.version.clear();
  ServiceDescription no_summary = Description("x");
  no_summary.summary.clear();
  struct Case {
    ServiceDescription description;
    const char* message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {Description(""), "must be lower case"},
           {Description("SQL"), "must be lower case"},
           {Description("a b"), "must be lower case"},
           {Description(std::string(65, 'a')), "at most 64"},
           {no_version, "no version"},
           {no_summary, "no summary"},
           {with_field({.name = "snake_case", .summary = "x"}), "camelCase"},
           {with_field({.name = "", .summary = "x"}), "camelCase"},
           {with_field({.name = "sink", .summary = "x"}), "every payload has"},
           {with_field({.name = "query", .summary = ""}), "no summary of its field query"},
           {twice, "field query twice"},
       }) {
    arrow::Status status = Register("m", [&](Registrar& r) {
      return r.AddService(std::make_shared<FakeService>(c.description));
    });
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument) << c.message;
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
  for (const FakeModule::Body& body : std::initializer_list<FakeModule::Body>{
           [](Registrar& r) { return r.AddService(nullptr); },
           [](Registrar& r) { return r.SetFlightStore(nullptr); },
           [](Registrar& r) { return r.AddFlightMethods(nullptr); }}) {
    EXPECT_EQ(ErrorCodeOf(Register("m", body)), ErrorCode::kBadArgument);
  }
}

}  // namespace
}  // namespace longbow
