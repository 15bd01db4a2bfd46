#include "server_commands.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands.h"

namespace longbow::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kAlpha[] = LONGBOW_TEST_MODULE_DIR "/liblongbow_alpha.so";
constexpr char kOtherBuild[] = LONGBOW_TEST_MODULE_DIR "/liblongbow_other_build.so";
constexpr char kRegisterHalf[] = LONGBOW_TEST_MODULE_DIR "/liblongbow_register_half.so";
constexpr char kStartFails[] = LONGBOW_TEST_MODULE_DIR "/liblongbow_start_fails.so";

class ServerCommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = (std::filesystem::temp_directory_path() /
             ("longbow_server_commands_test_" + std::to_string(getpid()) + ".toml"))
                .string();
    setenv("LONGBOW_SERVER__LISTEN_PORT", "0", 1);
  }
  void TearDown() override {
    std::filesystem::remove(file_);
    unsetenv("LONGBOW_SERVER__LISTEN_PORT");
  }

  // Runs a command, and keeps what it printed.
  int Check(CheckConfigOptions options) {
    if (options.modules.empty()) options.modules = {kAlpha};
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = RunCheckConfig(options);
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return code;
  }
  int Start(const StartOptions& options) {
    ::testing::internal::CaptureStderr();
    const int code = RunStart(options);
    err_ = ::testing::internal::GetCapturedStderr();
    return code;
  }

  std::string file_;
  std::string out_;
  std::string err_;
};

TEST_F(ServerCommandsTest, CheckConfigTellsWhatIsWrong) {
  std::ofstream(file_) << "[server]\nlisten_prot = 1\nuse_tls = 5\n";
  EXPECT_EQ(Check({.config_files = {file_}}), kExitUsage);
  EXPECT_THAT(err_, AllOf(HasSubstr(file_ + ":2: server.listen_prot is not a setting; did you mean "
                                            "listen_port?"),
                          HasSubstr(file_ + ":3: server.use_tls")));
  EXPECT_EQ(Check({.modules = {kOtherBuild}}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("it was built as"));
  // What a module finds out when it registers is part of the check.
  EXPECT_EQ(Check({.modules = {kRegisterHalf}}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("the other half is missing"));
}

TEST_F(ServerCommandsTest, CheckConfigPrintsWhatIsAskedFor) {
  std::ofstream(file_) << "[server]\nlisten_host = \"localhost\"\n";
  EXPECT_EQ(Check({.config_files = {file_}}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("The settings are good: 2 written"));
  EXPECT_EQ(Check({.config_files = {file_}, .explain = true}), kExitOk);
  EXPECT_THAT(out_, AllOf(HasSubstr("listen_host = \"localhost\"  # " + file_ + ":2\n"),
                          HasSubstr("listen_port = 0  # environment variable LONGBOW_SERVER__"),
                          HasSubstr("[alpha]")));
  EXPECT_EQ(Check({.sample = true}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("#listen_port = 17001\n"));
  EXPECT_EQ(Check({.reference = true}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("## `[alpha]`"));
}

TEST_F(ServerCommandsTest, StartsUntilASignalComes) {
  // The signal waits until the server looks for one.
  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ(Start({.modules = {kAlpha}}), kExitOk);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_THAT(err_, AllOf(HasSubstr("is ready on grpc://127.0.0.1:"), HasSubstr("start alpha"),
                          HasSubstr("is stopping while it starts, because of the signal"),
                          HasSubstr("stop alpha"), HasSubstr("has stopped")));
}

TEST_F(ServerCommandsTest, WrongSettingsAndModulesEndWithTwo) {
  EXPECT_EQ(Start({.config_files = {"/nonexistent.toml"}}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("/nonexistent.toml: the settings file cannot be read"));
  EXPECT_EQ(Start({.modules = {kAlpha, kOtherBuild}}), kExitUsage);
  EXPECT_THAT(err_, AllOf(HasSubstr("nothing was started"), HasSubstr("it was built as")));
  EXPECT_EQ(Start({.modules = {kAlpha, kRegisterHalf}}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("the other half is missing"));
}

TEST_F(ServerCommandsTest, WhatCannotStartEndsWithOne) {
  EXPECT_EQ(Start({.modules = {kAlpha, kStartFails}}), kExitFailure);
  EXPECT_THAT(err_, AllOf(HasSubstr("start alpha"), HasSubstr("stop alpha"),
                          HasSubstr("cannot start: the disk is full")));

  const int taken = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(taken, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  ASSERT_EQ(getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  setenv("LONGBOW_SERVER__LISTEN_PORT", port.c_str(), 1);
  EXPECT_EQ(Start({.modules = {kAlpha}}), kExitFailure);
  EXPECT_THAT(err_, HasSubstr("127.0.0.1:" + port));
  close(taken);
}

}  // namespace
}  // namespace longbow::app
