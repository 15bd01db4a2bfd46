#include "server/signals.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace longbow::server {
namespace {

// Signals go to this very thread: other tests may have left threads that would die of them.
TEST(SignalWatcherTest, TellsWhichSignalCame) {
  auto watcher = SignalWatcher::Make();
  ASSERT_TRUE(watcher.ok()) << watcher.status();
  pthread_kill(pthread_self(), SIGHUP);
  EXPECT_EQ((*watcher)->Wait(), SIGHUP);
  pthread_kill(pthread_self(), SIGPIPE);
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ((*watcher)->Wait(), SIGTERM);
  pthread_kill(pthread_self(), SIGINT);
  EXPECT_EQ((*watcher)->Wait(), SIGINT);
}

TEST(SignalWatcherTest, AnotherDescriptorEndsTheWait) {
  auto watcher = SignalWatcher::Make();
  ASSERT_TRUE(watcher.ok()) << watcher.status();
  const int fd = eventfd(1, 0);
  EXPECT_EQ((*watcher)->Wait(fd), 0);
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_EQ((*watcher)->Wait(fd), SIGTERM);
  close(fd);
}

TEST(SignalWatcherTest, PutsBackWhatWas) {
  sigset_t before, after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  struct sigaction hangup_before, hangup_after;
  sigaction(SIGHUP, nullptr, &hangup_before);
  ASSERT_TRUE(SignalWatcher::Make().ok());
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  sigaction(SIGHUP, nullptr, &hangup_after);
  EXPECT_EQ(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
  EXPECT_EQ(hangup_before.sa_handler, hangup_after.sa_handler);
}

}  // namespace
}  // namespace longbow::server
