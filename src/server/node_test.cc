#include "server/node.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

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

constexpr char kToken[] = "a-token-0123456789";

// Lines that outlive the logger which the node owns.
struct LogLines {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lines;
  std::string last_token;  // what the log would make of one at its end

  std::vector<std::string> Get() {
    std::lock_guard lock(mutex);
    return lines;
  }
  bool Has(const std::string& line) {
    std::lock_guard lock(mutex);
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }
  // Waits until it is there.
  bool Await(const std::string& line) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(60), [&] {
      return std::find(lines.begin(), lines.end(), line) != lines.end();
    });
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
    lines_->changed.notify_all();
  }

 private:
  LogLines* lines_;
};

// One logger for all components.
class ListLog : public telemetry::Log {
 public:
  explicit ListLog(LogLines* lines) : lines_(lines), logger_(lines) {}
  ~ListLog() override {
    const auto redacted = redact_ ? redact_(kToken) : std::nullopt;
    lines_->last_token = redacted.value_or(kToken);
  }
  Logger& component(std::string_view) override { return logger_; }
  std::vector<std::string> UnusedLevels() const override { return {}; }
  void SetLevels(LogLevel, telemetry::ComponentLevels) override {}
  void SetRedact(telemetry::LogRedaction redact) override { redact_ = std::move(redact); }
  arrow::Status Reopen() override { return arrow::Status::OK(); }
  void Tick() override {}
  Statistics statistics() const override { return {}; }

 private:
  LogLines* const lines_;
  telemetry::LogRedaction redact_;
  ListLogger logger_;
};

// A file of a test's own, removed at its end.
class TestFile {
 public:
  explicit TestFile(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("longbow_node_test_" + name + "_" + std::to_string(getpid()))) {
    std::filesystem::remove(path_);
  }
  ~TestFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }
  // In one step.
  void Write(const std::string& content) const {
    const std::string beside = path() + ".new";
    std::ofstream(beside) << content;
    std::filesystem::rename(beside, path_);
  }

 private:
  const std::filesystem::path path_;
};

class NodeTest : public ::testing::Test {
 protected:
  arrow::Result<std::unique_ptr<Node>> MakeNode(std::vector<std::string> modules, int port = 0) {
    ConfigurationRequest request;
    request.modules = std::move(modules);
    request.default_module_dir = LONGBOW_TEST_MODULE_DIR;
    request.environment["LONGBOW_SERVER__LISTEN_PORT"] = std::to_string(port);
    request.environment["LONGBOW_SERVER__NODE_ID"] = "test-node";
    for (const auto& [name, value] : more_settings_) request.environment[name] = value;
    ARROW_ASSIGN_OR_RAISE(Configuration configuration, LoadConfiguration(request));
    return Node::Make(std::move(configuration), std::make_unique<ListLog>(&log_),
                      std::chrono::steady_clock::now());
  }

  static arrow::Result<std::unique_ptr<arrow::flight::FlightClient>> Connect(const Node& node) {
    ARROW_ASSIGN_OR_RAISE(auto location, arrow::flight::Location::Parse(node.location()));
    return arrow::flight::FlightClient::Connect(location);
  }

  // Shuts down while the module settings_slow takes over settings, which `change` has it do.
  void CheckShutdownWaits(Node* node, const TestFile& go, const std::function<void()>& change) {
    std::thread changing(change);
    EXPECT_TRUE(log_.Await("apply settings_slow"));
    auto shutdown = std::async(std::launch::async, [node] { node->Shutdown(); });
    const std::string step = "the module settings_slow to take over settings";
    while (node->shutdown_step() != step && !log_.Has("stop settings_slow")) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(log_.Has("stop settings_slow"));
    go.Write("");
    shutdown.get();
    changing.join();
    node->Reload();
    std::vector<std::string> of_module;
    for (const auto& line : log_.Get()) {
      if (line.ends_with(" settings_slow")) of_module.push_back(line);
    }
    EXPECT_THAT(of_module, ElementsAre("start settings_slow", "apply settings_slow",
                                       "applied settings_slow", "stop settings_slow"));
  }

  std::map<std::string, std::string> more_settings_;
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

TEST_F(NodeTest, AShutdownWaitsForAReload) {
  const TestFile go("go");
  setenv("LONGBOW_TEST_SETTINGS_FILE", go.path().c_str(), 1);
  auto node = MakeNode({"settings_slow"});
  ASSERT_TRUE(node.ok()) << node.status();
  ASSERT_TRUE((*node)->Start().ok());
  CheckShutdownWaits(node->get(), go, [&] { (*node)->Reload(); });
  unsetenv("LONGBOW_TEST_SETTINGS_FILE");
}

TEST_F(NodeTest, AShutdownWaitsForAChangedSecretAndHidesItToTheEnd) {
  const TestFile go("go");
  const TestFile token("token");
  token.Write("another-" + std::string(kToken));
  setenv("LONGBOW_TEST_SETTINGS_FILE", go.path().c_str(), 1);
  more_settings_ = {{"LONGBOW_HTTP__PORT", "0"}, {"LONGBOW_HTTP__TOKEN", "file:" + token.path()}};
  {
    auto node = MakeNode({"settings_slow"});
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_TRUE((*node)->Start().ok());
    CheckShutdownWaits(node->get(), go, [&] { token.Write(kToken); });
  }
  EXPECT_EQ(log_.last_token, "[secret]");
  unsetenv("LONGBOW_TEST_SETTINGS_FILE");
}

}  // namespace
}  // namespace longbow::server
