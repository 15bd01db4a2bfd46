#include "flight/command_runner.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
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
/// asked. Without an input, it may wait until it is cancelled.
class PassingService : public Service {
 public:
  explicit PassingService(ServiceDescription description) : description_(std::move(description)) {}
  const ServiceDescription& description() const override { return description_; }

  arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> Execute(
      const ExecuteRequest& request) override {
    ++runs;
    if (waits && request.inputs.names().empty()) return WaitForCancel(request.task);
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
    if (!tells_schema) return nullptr;
    ++schemas_told;
    if (waits && request.inputs.names().empty()) return WaitForCancel(request.task);
    if (fails && request.inputs.names().empty()) {
      return MakeError(ErrorCode::kBadArgument, "it fails");
    }
    return Schema(request.inputs);
  }

  /// Returns once one waits.
  void AwaitWaiting() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

  std::atomic<int> runs{0};
  std::atomic<int> schemas_told{0};
  std::atomic<bool> tells_schema{true};
  std::atomic<bool> waits{false};
  std::atomic<bool> fails{false};
  std::atomic<int> waited{0};  ///< were cancelled

 private:
  arrow::Status WaitForCancel(TaskContext& task) {
    bool cancelled = false;
    task.SetCancelCallback([this, &cancelled] {
      std::lock_guard lock(mutex_);
      cancelled = true;
      changed_.notify_all();
    });
    {
      std::unique_lock lock(mutex_);
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [&cancelled] { return cancelled; });
    }
    task.SetCancelCallback(nullptr);
    EXPECT_TRUE(task.cancelled());
    ++waited;
    return task.CancelledError();
  }

  static arrow::Result<std::shared_ptr<arrow::Schema>> Schema(Inputs& inputs) {
    if (!inputs.names().empty()) return inputs.GetSchema("t");
    return arrow::schema({arrow::field("a", arrow::int64())});
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  const ServiceDescription description_;
};

ServiceDescription Describe(std::string name, bool depends_on_principal) {
  ServiceDescription description;
  description.name = std::move(name);
  description.version = "1";
  description.depends_on_principal = depends_on_principal;
  return description;
}

class FewServices : public ServiceDirectory {
 public:
  FewServices(std::vector<std::shared_ptr<Service>> services, std::shared_ptr<FlightStore> store)
      : services_(std::move(services)), store_(std::move(store)) {}
  std::shared_ptr<Service> FindService(std::string_view name) const override {
    for (const auto& service : services_) {
      if (name == service->description().name) return service;
    }
    return nullptr;
  }
  std::vector<std::shared_ptr<Service>> services() const override { return services_; }
  std::shared_ptr<FlightStore> store() const override { return store_; }
  std::shared_ptr<Authenticator> authenticator() const override { return nullptr; }
  const std::vector<std::shared_ptr<FlightMethods>>& methods() const override { return methods_; }
  std::string NearestService(std::string_view) const override {
    return services_.front()->description().name;
  }

 private:
  std::vector<std::shared_ptr<Service>> services_;
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
  arrow::Result<Execution> RunAs(const std::string& name, std::shared_ptr<const Command> command) {
    RunOptions options = Options();
    options.caller.origin.principal = std::make_shared<const Principal>(Principal{name, {}});
    return runner_.Run(std::move(command), std::move(options));
  }
  /// Where its result lies, once it is there.
  static std::string StoredPath(const arrow::Result<Execution>& execution) {
    if (!execution.ok()) return execution.status().ToString();
    if (execution->reused) return execution->reused->info().path.ToString();
    const auto outcome = execution->task->Wait();
    return outcome.ok() ? outcome->stored->path.ToString() : outcome.status().ToString();
  }
  arrow::Result<std::shared_ptr<arrow::Schema>> FindSchema(std::shared_ptr<const Command> command) {
    ARROW_ASSIGN_OR_RAISE(auto found, runner_.FindSchema(std::move(command), Options()));
    if (found.schema) return found.schema;
    ARROW_ASSIGN_OR_RAISE(auto outcome, found.task->Wait());
    return outcome.schema;
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
  std::shared_ptr<PassingService> service_ =
      std::make_shared<PassingService>(Describe("pass", /*depends_on_principal=*/false));
  std::shared_ptr<testing::FakeFlightStore> store_ =
      std::make_shared<testing::FakeFlightStore>(&clock_);
  /// What it answers depends on who asks.
  std::shared_ptr<PassingService> whose_ =
      std::make_shared<PassingService>(Describe("whose", /*depends_on_principal=*/true));
  FewServices services_{{service_, whose_}, store_};
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
  const auto schema = FindSchema(Nested(5));
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)->field_names(), std::vector<std::string>{"a"});
  EXPECT_EQ(service_->runs, 0);
  EXPECT_EQ(service_->schemas_told, 5);
}

TEST_F(CommandRunnerTest, ASchemaThatIsNotToldTakesARunWithoutRows) {
  service_->tells_schema = false;
  auto command = Nested(3);
  command->result_metadata.schema["k"] = "v";
  const auto schema = FindSchema(command);
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)->metadata()->Get("k"), "v");
  const auto found = runner_.FindSchema(command, Options());
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->task->Wait().ok());
  auto reader = found->task->OpenReader();
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(*(*reader)->NextBlocking(), nullptr);
  EXPECT_EQ(found->task->info().state, TaskState::kDone);
}

TEST_F(CommandRunnerTest, TheSchemaOfWhatIsThereTakesNoTask) {
  Store("kept");
  auto command = Pass();
  command->sink.path = *FlightPath::Make({"kept"});
  command->sink.if_exists = IfExists::kReuse;
  const auto found = runner_.FindSchema(command, Options());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->task, nullptr);
  EXPECT_EQ(found->schema->field_names(), std::vector<std::string>{"a"});
}

TEST_F(CommandRunnerTest, SchemasStandInTheQueueOfTasksAndAreRefusedWithoutMemory) {
  tasks_ = TaskRegistry::Make({.threads = 1, .queue_length = 1}, {&clock_, &logger_});
  node_.parts.tasks = tasks_.get();
  service_->waits = true;
  const auto first = runner_.FindSchema(Pass(), Options());
  ASSERT_TRUE(first.ok()) << first.status();
  service_->AwaitWaiting();
  const auto second = runner_.FindSchema(Pass(), Options());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(ErrorCodeOf(runner_.FindSchema(Pass(), Options()).status()), ErrorCode::kBackpressure);
  EXPECT_TRUE(second->task->Cancel().ok());
  node_.memory_full = true;
  EXPECT_EQ(ErrorCodeOf(runner_.FindSchema(Pass(), Options()).status()), ErrorCode::kBackpressure);
  EXPECT_TRUE(first->task->Cancel().ok());
  tasks_->Shutdown();
}

TEST_F(CommandRunnerTest, CancellingReachesAnInputThatIsAskedForItsSchema) {
  service_->waits = true;
  // Each asks the next for its schema, and the innermost waits.
  const auto found = runner_.FindSchema(Nested(4), Options());
  ASSERT_TRUE(found.ok()) << found.status();
  service_->AwaitWaiting();
  EXPECT_TRUE(found->task->Cancel().ok());
  tasks_->Shutdown();
  EXPECT_EQ(service_->waited, 1);
}

TEST_F(CommandRunnerTest, WhyASchemaIsNotToldIsAskedOnce) {
  service_->fails = true;
  const auto schema = FindSchema(Nested(20));
  EXPECT_EQ(ErrorCodeOf(schema.status()), ErrorCode::kBadArgument) << schema.status();
  EXPECT_EQ(service_->schemas_told, 20);
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

TEST_F(CommandRunnerTest, CallersShareWhatDoesNotDependOnThem) {
  auto command = Nested(2);
  command->sink.cache = true;
  EXPECT_EQ(StoredPath(RunAs("alice", command)), StoredPath(RunAs("bob", command)));
  EXPECT_EQ(service_->runs, 2);
}

TEST_F(CommandRunnerTest, WhatDependsOnTheCallerIsCachedForEach) {
  auto direct = Pass();
  direct->service = "whose";
  CommandPtr outer = std::make_shared<Command>(*direct);
  for (int i = 0; i < 2; ++i) {
    CommandPtr next = Pass();
    next->inputs.emplace("t", std::shared_ptr<const Command>(std::move(outer)));
    outer = std::move(next);
  }
  for (const CommandPtr& command : {direct, outer}) {
    command->sink.cache = true;
    const std::string hers = StoredPath(RunAs("alice", command));
    const std::string his = StoredPath(RunAs("bob", command));
    EXPECT_NE(hers, his);
    // Each finds their own again.
    EXPECT_EQ(StoredPath(RunAs("alice", command)), hers);
    EXPECT_EQ(StoredPath(RunAs("bob", command)), his);
  }
  EXPECT_EQ(whose_->runs, 4);
}

TEST_F(CommandRunnerTest, WhatDependsOnTheCallerIsNotJoined) {
  whose_->waits = true;
  auto command = Pass();
  command->service = "whose";
  command->sink.path = *FlightPath::Make({"kept"});
  command->sink.if_exists = IfExists::kReuse;
  const auto hers = RunAs("alice", command);
  ASSERT_TRUE(hers.ok()) << hers.status();
  const auto his = RunAs("bob", command);
  ASSERT_TRUE(his.ok()) << his.status();
  EXPECT_NE(his->task, hers->task);
  EXPECT_FALSE(hers->task->BelongsTo("bob"));
  const auto hers_again = RunAs("alice", command);
  ASSERT_TRUE(hers_again.ok()) << hers_again.status();
  EXPECT_EQ(hers_again->task, hers->task);
  EXPECT_TRUE(hers->task->Cancel().ok());
  EXPECT_TRUE(his->task->Cancel().ok());
  tasks_->Shutdown();
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
