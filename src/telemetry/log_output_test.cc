#include "telemetry/log_output.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <longbow/clock.h>
#include <longbow/error.h>

namespace longbow::telemetry {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Notice(int64_t dropped, std::string_view reason) {
  return std::to_string(dropped) + " dropped: " + std::string(reason) + "\n";
}

std::unique_ptr<LogOutput> Open(const std::string& file, int fd, int max_wait_ms) {
  auto output = LogOutput::Open({file, fd, max_wait_ms, Notice});
  EXPECT_TRUE(output.ok()) << output.status();
  return output.ok() ? *std::move(output) : nullptr;
}
std::unique_ptr<LogOutput> OpenFd(int fd, int max_wait_ms) { return Open("", fd, max_wait_ms); }
std::unique_ptr<LogOutput> OpenFile(const std::string& file) { return Open(file, -1, 100); }

// Both ends of a pipe, or of a pair of sockets.
class Channel {
 public:
  static Channel Pipe() {
    Channel channel;
    EXPECT_EQ(pipe2(channel.fds_, O_CLOEXEC), 0);
    return channel;
  }
  static Channel Sockets() {
    Channel channel;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel.fds_), 0);
    return channel;
  }
  Channel(Channel&& other) noexcept : fds_{other.fds_[0], other.fds_[1]} {
    other.fds_[0] = other.fds_[1] = -1;
  }
  ~Channel() {
    CloseReader();
    close(fds_[1]);
  }
  int reader() const { return fds_[0]; }
  int writer() const { return fds_[1]; }
  // What a pipe takes while nobody reads.
  std::string Filling() const {
    return std::string(static_cast<size_t>(fcntl(fds_[1], F_GETPIPE_SZ)), 'x');
  }
  void CloseReader() {
    if (fds_[0] >= 0) close(fds_[0]);
    fds_[0] = -1;
  }
  // All that can be read now.
  std::string ReadAll() {
    fcntl(fds_[0], F_SETFL, O_NONBLOCK);
    std::string text;
    char buffer[65536];
    for (ssize_t n = 0; (n = read(fds_[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

 private:
  Channel() = default;
  int fds_[2] = {-1, -1};
};

class LogFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "longbow-log-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Content(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
};

TEST(LogOutputTest, WritesToPipesSocketsAndDevices) {
  Channel channels[] = {Channel::Pipe(), Channel::Sockets()};
  for (Channel& channel : channels) {
    auto output = OpenFd(channel.writer(), 100);
    output->Write("one\n");
    output->Write("two\n");
    EXPECT_EQ(channel.ReadAll(), "one\ntwo\n");
    EXPECT_EQ(output->written(), 2);
    EXPECT_EQ(output->dropped(), 0);
    EXPECT_EQ(fcntl(channel.writer(), F_GETFL) & O_NONBLOCK, 0);
  }
  auto null = OpenFile("/dev/null");
  null->Write("x\n");
  EXPECT_EQ(null->written(), 1);
}

TEST(LogOutputTest, DropsRatherThanWaitForAReaderThatHasStopped) {
  Channel channels[] = {Channel::Pipe(), Channel::Sockets()};
  // As much as goes into a pipe at once, so that no line breaks off.
  const std::string line = std::string(4095, 'x') + "\n";
  for (Channel& channel : channels) {
    auto output = OpenFd(channel.writer(), 1);
    for (int i = 0; i < 1000; ++i) output->Write(line);
    EXPECT_EQ(output->written() + output->dropped(), 1000);
    EXPECT_GT(output->dropped(), 0);
    EXPECT_THAT(channel.ReadAll(), StartsWith(line));
    const std::string dropped = std::to_string(output->dropped());
    output->TellDropped();
    output->TellDropped();
    output->Write("after\n");
    EXPECT_EQ(channel.ReadAll(), dropped + " dropped: the reader is too slow\nafter\n");
  }
}

TEST(LogOutputTest, EndsALineThatBrokeOff) {
  Channel channel = Channel::Pipe();
  auto output = OpenFd(channel.writer(), 1);
  const std::string filling = channel.Filling();
  output->Write(filling + "y\n");
  EXPECT_EQ(channel.ReadAll(), filling);
  output->Write("after\n");
  EXPECT_EQ(channel.ReadAll(), "\n1 dropped: the reader is too slow\nafter\n");
}

TEST(LogOutputTest, AWaitingLineGoesOutWhenTheReaderReads) {
  Channel channel = Channel::Pipe();
  auto output = OpenFd(channel.writer(), 60'000);
  const std::string filling = channel.Filling();
  output->Write(filling);
  std::thread other([&] { output->Write("other\n"); });
  std::thread reopening([&] { EXPECT_TRUE(output->Reopen().ok()); });
  std::string text;
  while (text.size() < filling.size() + 6) text += channel.ReadAll();
  other.join();
  reopening.join();
  EXPECT_EQ(text, filling + "other\n");
  EXPECT_EQ(output->dropped(), 0);
}

TEST(LogOutputTest, ThreadsWaitAtTheSameTimeAndNotInTurn) {
  Channel channel = Channel::Pipe();
  auto output = OpenFd(channel.writer(), 500);
  output->Write(channel.Filling());
  const MonotonicTime begin = MonotonicTime::clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) threads.emplace_back([&] { output->Write("y\n"); });
  for (std::thread& thread : threads) thread.join();
  // One after the other it would be 8 s.
  EXPECT_LT(MonotonicTime::clock::now() - begin, std::chrono::seconds(4));
  EXPECT_EQ(output->dropped(), 16);
}

TEST(LogOutputTest, ASlowReaderTakesNoMoreThanOneWait) {
  Channel channel = Channel::Pipe();
  auto output = OpenFd(channel.writer(), 300);
  output->Write(channel.Filling());
  // Makes room for a chunk now and then: no single wait would be too long.
  const int over = eventfd(0, EFD_CLOEXEC);
  std::thread reader([&] {
    char buffer[4096];
    struct pollfd polled = {over, POLLIN, 0};
    do {
      EXPECT_GT(read(channel.reader(), buffer, sizeof(buffer)), 0);
    } while (poll(&polled, 1, 100) == 0);
  });
  const MonotonicTime begin = MonotonicTime::clock::now();
  output->Write(std::string(400'000, 'y'));
  EXPECT_LT(MonotonicTime::clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(output->dropped(), 1);
  eventfd_write(over, 1);
  reader.join();
  close(over);
}

TEST(LogOutputTest, SurvivesAReaderThatIsGone) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  for (int kind = 0; kind < 2; ++kind) {
    Channel channel = kind == 0 ? Channel::Pipe() : Channel::Sockets();
    auto output = OpenFd(channel.writer(), 100);
    channel.CloseReader();
    output->Write("x\n");
    EXPECT_EQ(output->dropped(), 1);
  }
  auto closed = OpenFd(1'000'000, 100);
  closed->Write("x\n");
  EXPECT_EQ(closed->dropped(), 1);
  std::signal(SIGPIPE, before);
}

TEST_F(LogFileTest, AppendsAndKeepsOthersOut) {
  std::ofstream(Path("log")) << "before\n";
  OpenFile(Path("log"))->Write("one\n");
  EXPECT_EQ(Content("log"), "before\none\n");
  OpenFile(Path("new"))->Write("one\n");
  struct stat info {};
  ASSERT_EQ(stat(Path("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777 & ~0640u, 0u);
  EXPECT_EQ(info.st_mode & 0600, 0600u);
}

TEST_F(LogFileTest, ReopensAfterARename) {
  auto output = OpenFile(Path("log"));
  output->Write("one\n");
  std::filesystem::rename(Path("log"), Path("log.1"));
  output->Write("two\n");
  ASSERT_TRUE(output->Reopen().ok());
  output->Write("three\n");
  EXPECT_EQ(Content("log.1"), "one\ntwo\n");
  EXPECT_EQ(Content("log"), "three\n");
}

TEST_F(LogFileTest, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  auto output = OpenFile(Path("log"));
  std::filesystem::rename(Path("log"), Path("log.1"));
  std::filesystem::create_directory(Path("log"));
  const arrow::Status status = output->Reopen();
  EXPECT_EQ(ErrorCodeOf(status), ErrorCode::kBadArgument);
  EXPECT_THAT(status.message(), HasSubstr(Path("log") + " cannot be opened: Is a directory"));
  output->Write("one\n");
  EXPECT_EQ(Content("log.1"), "one\n");
}

TEST_F(LogFileTest, APipeThatNobodyReadsDoesNotHoldUpTheStart) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(LogOutput::Open({Path("pipe"), -1, 100, Notice}).ok());
}

TEST_F(LogFileTest, AFullDiskCostsLinesAndIsTold) {
  std::filesystem::create_symlink("/dev/full", Path("log"));
  auto output = OpenFile(Path("log"));
  for (int i = 0; i < 3; ++i) output->Write("lost\n");
  EXPECT_EQ(output->dropped(), 3);
  EXPECT_EQ(output->written(), 0);
  std::filesystem::remove(Path("log"));
  ASSERT_TRUE(output->Reopen().ok());
  output->Write("after\n");
  EXPECT_EQ(Content("log"), "3 dropped: No space left on device\nafter\n");
  EXPECT_EQ(output->written(), 2);
}

}  // namespace
}  // namespace longbow::telemetry
