#include "server/node.h"

#include <mutex>
#include <string>
#include <vector>

#include <arrow/flight/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/error.h>

namespace longbow::server {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// Lines that outlive the logger which the node owns.
struct LogLines {
  std::mutex mutex;
  std::vector<std::string> lines;

  std::vector<std::string> Get() {
    std::lock_guard lock(mutex);
    return lines;
  }
};

class ListLogger : public Logger {
 public:
  explicit ListLogger(LogLines* lines) : lines_(lines) {}
  bool enabled(LogLevel level) const override { return level != LogLevel::kDebug; }
  void Log(LogLevel level, std::string_view message, const LogFields&) override {
    if (level == LogLevel::kDebug) return;
    std::lock_guard lock(lines_->mutex);
    lines_->lines.emplace_back(message);
  }

 private:
  LogLines* lines_;
};

// One logger for all components.
class ListLog : public telemetry::Log {
 public:
  explicit ListLog(LogLines* lines) : logger_(lines) {}
  Logger& component(std::string_view) override { return logger_; }
  void SetLevels(LogLevel, telemetry::ComponentLevels) override {}
  void SetRedact(telemetry::LogRedaction) override {}
  arrow::Status Reopen() override { return arrow::Status::OK(); }
  void Tick() override {}
  Statistics statistics() const override { return {}; }

 private:
  ListLogger logger_;
};

class NodeTest : public ::testing::Test {
 protected:
  arrow::Result<std::unique_ptr<Node>> MakeNode(std::vector<std::string> modules, int port = 0) {
    ConfigurationRequest request;
    request.modules = std::move(modules);
    request.default_module_dir = LONGBOW_TEST_MODULE_DIR;
    request.environment["LONGBOW_SERVER__LISTEN_PORT"] = std::to_string(port);
    request.environment["LONGBOW_SERVER__NODE_ID"] = "test-node";
    ARROW_ASSIGN_OR_RAISE(Configuration configuration, LoadConfiguration(request));
    return Node::Make(std::move(configuration), std::make_unique<ListLog>(&log_),
                      std::chrono::steady_clock::now());
  }

  static arrow::Result<std::unique_ptr<arrow::flight::FlightClient>> Connect(const Node& node) {
    ARROW_ASSIGN_OR_RAISE(auto location, arrow::flight::Location::Parse(node.location()));
    return arrow::flight::FlightClient::Connect(location);
  }

  LogLines log_;
};

TEST_F(NodeTest, AnswersFromStartToShutdown) {
  auto node = MakeNode({"alpha", "beta"});
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)->node_id(), "test-node");
  ASSERT_TRUE((*node)->Start().ok());
  EXPECT_GT((*node)->port(), 0);
  EXPECT_EQ((*node)->location(), "grpc://127.0.0.1:" + std::to_string((*node)->port()));
  EXPECT_THAT(log_.Get(), Contains(MatchesRegex(
                              "longbow [0-9.]+ is ready on grpc://127.0.0.1:[0-9]+ [(]services: "
                              "alpha, beta[)] in [0-9]+ ms")));

  auto client = Connect(**node);
  ASSERT_TRUE(client.ok()) << client.status();
  auto actions = (*client)->ListActions();
  ASSERT_TRUE(actions.ok()) << actions.status();
  EXPECT_FALSE(actions->empty());

  (*node)->Shutdown();
  (*node)->Shutdown();
  EXPECT_FALSE((*client)->ListActions().ok());
  std::vector<std::string> of_modules;
  for (const auto& line : log_.Get()) {
    if (line.starts_with("start") || line.starts_with("stop")) of_modules.push_back(line);
  }
  EXPECT_THAT(of_modules, ElementsAre("start alpha", "start beta", "stop beta", "stop alpha"));
}

TEST_F(NodeTest, APortInUseEndsTheStart) {
  auto first = MakeNode({"alpha"});
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE((*first)->Start().ok());

  auto second = MakeNode({"alpha"}, (*first)->port());
  ASSERT_TRUE(second.ok()) << second.status();
  const arrow::Status status = (*second)->Start();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("127.0.0.1:" + std::to_string((*first)->port())));

  auto client = Connect(**first);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE((*client)->ListActions().ok());
}

TEST_F(NodeTest, AModuleThatIsRefusedLeavesNothing) {
  auto node = MakeNode({"alpha", "register_half"});
  ASSERT_FALSE(node.ok());
  EXPECT_THAT(node.status().message(), HasSubstr("The module register_half is refused"));
  EXPECT_THAT(log_.Get(), IsEmpty());

  node = MakeNode({"alpha", "start_fails"});
  ASSERT_TRUE(node.ok()) << node.status();
  const arrow::Status status = (*node)->Start();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("The module start_fails cannot start: the disk is full"));
  EXPECT_THAT(log_.Get(), ElementsAre("start alpha", "stop alpha", HasSubstr("has stopped")));
}

TEST_F(NodeTest, TheDestructorShutsDown) {
  {
    auto node = MakeNode({"alpha"});
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_TRUE((*node)->Start().ok());
  }
  EXPECT_THAT(log_.Get(), Contains("stop alpha"));
}

}  // namespace
}  // namespace longbow::server
