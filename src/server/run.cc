#include "server/run.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include <sys/eventfd.h>
#include <unistd.h>

namespace longbow::server {

void RunUntilSignal(Node* node, SignalWatcher* signals) {
  const int signal = signals->Wait();
  node->logger().Info(std::string("longbow is stopping, because of the signal \"") +
                      strsignal(signal) + "\"; a second one stops it at once");
  const int done = eventfd(0, EFD_CLOEXEC);
  std::thread shutdown([node, done] {
    node->Shutdown();
    // Without a descriptor nobody waits for a second signal below.
    if (done >= 0) eventfd_write(done, 1);
  });
  if (done >= 0 && signals->Wait(done) != 0) {
    node->logger().Warning("longbow stops at once, because of a second signal");
    std::_Exit(1);
  }
  shutdown.join();
  if (done >= 0) close(done);
}

}  // namespace longbow::server
