#include "flight/command_runner.h"

#include <atomic>
#include <map>
#include <utility>

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/fake_flight_store.h>
#include <longbow/testing/recording_logger.h>

namespace longbow::flight {
namespace {

class BatchReader : public arrow::RecordBatchReader {
 public:
  BatchReader(std::shared_ptr<arrow::Schema> schema, arrow::RecordBatchVector batches)
      : schema_(std::move(schema)), batches_(std::move(batches)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = next_ < batches_.size() ? batches_[next_++] : nullptr;
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  arrow::RecordBatchVector batches_;
  size_t next_ = 0;
};

/// Passes its input named "t" on, or gives an empty batch where it has none; counts what it is
/// asked.
class PassingService : public Service {
 public:
  const ServiceDescription& description() const override { return description_; }

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const ExecuteRequest& request) override {
    ++runs;
    ARROW_ASSIGN_OR_RAISE(auto schema, Schema(request.inputs));
    arrow::RecordBatchVector batches;
    if (request.inputs.names().empty()) {
      batches.push_back(*arrow::RecordBatch::MakeEmpty(schema));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto input, request.inputs.Open("t"));
      ARROW_ASSIGN_OR_RAISE(batches, input->ToRecordBatches());
    }
    return std::make_unique<BatchReader>(std::move(schema), std::move(batches));
  }

  arrow::Result<std::shared_ptr<arrow::Schema>> GetSchema(const ExecuteRequest& request) override {
    ++schemas_told;
    return Schema(request.inputs);
  }

  std::atomic<int> runs{0};
  std::atomic<int> schemas_told{0};

 private:
  static arrow::Result<std::shared_ptr<arrow::Schema>> Schema(Inputs& inputs) {
    if (!inputs.names().empty()) return inputs.GetSchema("t");
    return arrow::schema({arrow::field("a", arrow::int64())});
  }

  ServiceDescription description_{
      .name = "pass", .version = "1", .summary = "", .fields = {}, .takes_inputs = true};
};

class OneService : public ServiceDirectory {
 public:
  OneService(std::shared_ptr<Service> service, std::shared_ptr<FlightStore> store)
      : service_(std::move(service)), store_(std::move(store)) {}
  std::shared_ptr<Service> FindService(std::string_view name) const override {
    return name == service_->description().name ? service_ : nullptr;
  }
  std::vector<std::shared_ptr<Service>> services() const override { return {service_}; }
  std::shared_ptr<FlightStore> store() const override { return store_; }
  std::shared_ptr<Authenticator> authenticator() const override { return nullptr; }
  const std::vector<std::shared_ptr<FlightMethods>>& methods() const override { return methods_; }
  std::string NearestService(std::string_view) const override {
    return service_->description().name;
  }

 private:
  std::shared_ptr<Service> service_;
  std::shared_ptr<FlightStore> store_;
  std::vector<std::shared_ptr<FlightMethods>> methods_;
};

class CommandRunnerTest : public ::testing::Test {
 protected:
  CommandRunnerTest() {
    node_.options.node_id = "n1";
    node_.parts = {.registry = &services_,
                   .tasks = tasks_.get(),
                   .timer = nullptr,
                   .clock = &clock_,
                   .logger = &logger_};
  }

  using CommandPtr = std::shared_ptr<Command>;
  static CommandPtr Pass() {
    auto command = std::make_shared<Command>();
    command->service = "pass";
    return command;
  }
  /// So many commands, each but the innermost with the next as its input.
  static CommandPtr Nested(int levels) {
    CommandPtr command = Pass();
    for (int i = 1; i < levels; ++i) {
      CommandPtr outer = Pass();
      outer->inputs.emplace("t", std::shared_ptr<const Command>(std::move(command)));
      command = std::move(outer);
    }
    return command;
  }

  RunOptions Options() const {
    RunOptions options;
    options.caller.permissions = rules_.For(*options.caller.origin.principal);
    return options;
  }
  arrow::Result<Execution> Run(std::shared_ptr<const Command> command) {
    return runner_.Run(std::move(command), Options());
  }
  /// From now on, the caller may do only this.
  void Allow(std::vector<std::string> read, std::vector<std::string> write) {
    access::AccessRule rule;
    rule.name = "r";
    rule.principals = {"*"};
    rule.services = {"pass"};
    rule.read = std::move(read);
    rule.write = std::move(write);
    rules_ = access::AccessRules::Make({std::move(rule)}).ValueOrDie();
  }
  void Store(const std::string& name) {
    auto command = Pass();
    command->sink.path = *FlightPath::Make({name});
    auto execution = Run(command);
    ASSERT_TRUE(execution.ok()) << execution.status();
    ASSERT_TRUE(execution->task->Wait().ok());
  }

  access::AccessRules rules_ = access::AccessRules::AllowAll();
  SystemClock clock_;
  testing::RecordingLogger logger_;
  std::shared_ptr<PassingService> service_ = std::make_shared<PassingService>();
  std::shared_ptr<testing::FakeFlightStore> store_ =
      std::make_shared<testing::FakeFlightStore>(&clock_);
  OneService services_{service_, store_};
  std::unique_ptr<TaskRegistry> tasks_ = TaskRegistry::Make(TaskLimits{}, {&clock_, &logger_});
  NodeContext node_;
  CommandRunner runner_{&node_};
};

TEST_F(CommandRunnerTest, EachLevelOfACommandIsRunOnceAndTellsItsSchemaOnce) {
  constexpr int kLevels = 20;
  auto execution = Run(Nested(kLevels));
  ASSERT_TRUE(execution.ok()) << execution.status();
  const auto outcome = execution->task->Wait();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->schema->field_names(), std::vector<std::string>{"a"});
  EXPECT_EQ(service_->runs, kLevels);
  EXPECT_EQ(service_->schemas_told, kLevels - 1);  // the outermost was only run
}

TEST_F(CommandRunnerTest, TheSchemaOfACommandRunsNothing) {
  const auto schema = runner_.GetSchema(Nested(5), Options());
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ(service_->runs, 0);
  EXPECT_EQ(service_->schemas_told, 5);
}

TEST_F(CommandRunnerTest, AnErrorNamesTheInputsThatLeadToIt) {
  auto inner = Pass();
  inner->service = "pas";
  auto middle = Pass();
  middle->inputs.emplace("t", std::shared_ptr<const Command>(inner));
  auto outer = Pass();
  outer->inputs.emplace("t", std::shared_ptr<const Command>(middle));
  const auto status = Run(outer).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kUnsupportedService);
  EXPECT_EQ(status.message(), "input 't': input 't': there is no service 'pas' on this node");
  EXPECT_EQ(ErrorDetailOf(status)->detail(), "Did you mean 'pass'?");

  auto elsewhere = Pass();
  elsewhere->node = "n2";
  EXPECT_EQ(ErrorCodeOf(Run(elsewhere).status()), ErrorCode::kBadRequest);
  EXPECT_EQ(service_->runs, 0);
}

TEST_F(CommandRunnerTest, ASinkIsFilledOnceAndThenReused) {
  auto command = Pass();
  command->sink.path = *FlightPath::Make({"kept"});
  command->sink.if_exists = IfExists::kReuse;
  auto first = Run(command);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_NE(first->task, nullptr);
  ASSERT_TRUE(first->task->Wait().ok());

  auto second = Run(command);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->task, nullptr);
  EXPECT_EQ(second->reused->info().path.ToString(), "kept");
  EXPECT_EQ(service_->runs, 1);

  command->sink.if_exists = IfExists::kError;
  EXPECT_EQ(ErrorCodeOf(Run(command).status()), ErrorCode::kAlreadyExists);
}

TEST_F(CommandRunnerTest, EachLevelIsCheckedAsTheCallers) {
  Store("open");
  Store("closed");
  Allow(/*read=*/{"open"}, /*write=*/{});
  EXPECT_TRUE(Run(Nested(3)).ok());

  for (const char* path : {"open", "closed", "not-there"}) {
    auto inner = Pass();
    inner->inputs.emplace("t", *FlightPath::Make({path}));
    auto outer = Pass();
    outer->inputs.emplace("t", std::shared_ptr<const Command>(inner));
    const auto status = Run(outer).status();
    if (std::string(path) == "open") {
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    // Whether it is there makes no difference.
    EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kPermissionDenied) << path;
  }

  auto forbidden = Pass();
  forbidden->service = "other";
  auto outer = Pass();
  outer->inputs.emplace("t", std::shared_ptr<const Command>(forbidden));
  const auto status = Run(outer).status();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kPermissionDenied);
  EXPECT_EQ(status.message(), "input 't': you may not run the service 'other'");
}

TEST_F(CommandRunnerTest, ASinkTakesTheRightToWriteAndReuseThatToReadToo) {
  Store("kept");
  Allow(/*read=*/{}, /*write=*/{"kept", "mine"});
  auto command = Pass();
  command->sink.path = *FlightPath::Make({"others"});
  EXPECT_EQ(ErrorCodeOf(Run(command).status()), ErrorCode::kPermissionDenied);
  command->sink.path = *FlightPath::Make({"mine"});
  EXPECT_TRUE(Run(command).ok());
  command->sink.path = *FlightPath::Make({"kept"});
  command->sink.if_exists = IfExists::kReuse;
  EXPECT_EQ(ErrorCodeOf(Run(command).status()), ErrorCode::kPermissionDenied);
}

TEST_F(CommandRunnerTest, NoNewWorkWithoutMemory) {
  node_.memory_full = true;
  EXPECT_EQ(ErrorCodeOf(Run(Pass()).status()), ErrorCode::kBackpressure);
  node_.memory_full = false;
  EXPECT_TRUE(Run(Pass()).ok());
}

}  // namespace
}  // namespace longbow::flight
