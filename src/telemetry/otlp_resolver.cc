#include "telemetry/otlp_resolver.h"

#include <condition_variable>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <longbow/error.h>

namespace longbow::telemetry {
namespace {

constexpr size_t kMaxAddresses = 16;

bool IsNumeric(const std::string& host) {
  unsigned char address[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// Returns what getaddrinfo() does.
int LookUp(const std::string& host, std::vector<std::string>* addresses) {
  struct addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) return error;
  for (const struct addrinfo* it = found; it != nullptr && addresses->size() < kMaxAddresses;
       it = it->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(it->ai_addr, it->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) ==
        0) {
      addresses->emplace_back(text);
    }
  }
  freeaddrinfo(found);
  return addresses->empty() ? EAI_NONAME : 0;
}

}  // namespace

// Shared with the lookup's thread, which outlives the resolver where it has to.
struct HostResolver::Lookup {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  bool cancelled = false;
  int error = 0;
  std::vector<std::string> addresses;
};

HostResolver::HostResolver(std::string host) : host_(std::move(host)) {}
HostResolver::~HostResolver() = default;

arrow::Result<std::vector<std::string>> HostResolver::Resolve(std::chrono::milliseconds limit) {
  if (IsNumeric(host_)) return std::vector<std::string>{host_};
  std::shared_ptr<Lookup> lookup;
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return MakeError(ErrorCode::kCommandCancelled, "Spans are no longer sent");
    if (lookup_ == nullptr) {
      lookup_ = std::make_shared<Lookup>();
      std::thread([host = host_, lookup = lookup_] {
        std::vector<std::string> addresses;
        const int error = LookUp(host, &addresses);
        std::lock_guard lock(lookup->mutex);
        lookup->error = error;
        lookup->addresses = std::move(addresses);
        lookup->done = true;
        lookup->changed.notify_all();
      }).detach();
    }
    lookup = lookup_;
  }
  std::unique_lock lock(lookup->mutex);
  lookup->changed.wait_for(lock, limit, [&] { return lookup->done || lookup->cancelled; });
  if (!lookup->done) {
    return MakeError(ErrorCode::kTimeout,
                     "The collector's name " + host_ + " was not found in time");
  }
  {
    std::lock_guard own_lock(mutex_);
    lookup_ = nullptr;
  }
  if (lookup->error == 0) return lookup->addresses;
  return MakeError(ErrorCode::kNotFound, "The collector's name " + host_ +
                                             " was not found: " + gai_strerror(lookup->error));
}

void HostResolver::Cancel() {
  std::shared_ptr<Lookup> lookup;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    lookup = lookup_;
  }
  if (lookup == nullptr) return;
  std::lock_guard lock(lookup->mutex);
  lookup->cancelled = true;
  lookup->changed.notify_all();
}

}  // namespace longbow::telemetry
