// gRPC lets nobody look at a connection's bytes, but its library finds its own functions by their
// names, as any shared library does: a function of the program that has the same name is called
// instead, and calls the library's. Three are taken over: where a connection begins, where its
// bytes are read, and where it ends. Their names and types belong to the library's binary
// interface, which its soname (libgrpc.so.29) stands for; hence the check of the version below.
#include "transport/connection_guard.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <grpc/slice.h>
#include <grpc/support/log.h>
#include <grpcpp/version_info.h>

#if GRPC_CPP_VERSION_MAJOR != 1 || GRPC_CPP_VERSION_MINOR != 51
#error "Compare the functions below with this version of gRPC"
#endif

// gRPC's own types, of which only addresses are seen here.
struct grpc_chttp2_transport;
struct grpc_endpoint;
struct grpc_transport;
namespace grpc_core {
class ChannelArgs;
}  // namespace grpc_core

absl::string_view grpc_endpoint_get_peer(grpc_endpoint* endpoint);

namespace longbow::transport {
namespace {

using Connection = const void*;

/// A map that many threads use: those with different keys seldom meet.
template <typename Key, typename Item>
class SharedMap {
 public:
  void Set(const Key& key, Item item) {
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    shard.items.insert_or_assign(key, std::move(item));
  }
  /// An empty item where there is none.
  Item Find(const Key& key) {
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.items.find(key);
    return found == shard.items.end() ? Item() : found->second;
  }
  Item Take(const Key& key) {
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    auto node = shard.items.extract(key);
    return node.empty() ? Item() : std::move(node.mapped());
  }
  /// Removes it where it is that one.
  void Remove(const Key& key, const Item& item) {
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.items.find(key);
    if (found != shard.items.end() && found->second == item) shard.items.erase(found);
  }

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Key, Item> items;
  };
  static constexpr size_t kShards = 64;

  Shard& ShardOf(const Key& key) {
    // The hash of an address is the address, and those of large objects end in zeros.
    return shards_[std::hash<Key>()(key) / 256 % kShards];
  }

  std::array<Shard, kShards> shards_;
};

/// The connections that clients have opened.
class Connections {
 public:
  static Connections& Get() {
    // Never destroyed: gRPC's threads read connections until the process ends.
    static Connections* const connections = new Connections();
    return *connections;
  }

  void Add(const ConnectionGuard* guard, ConnectionLimits limits) {
    std::lock_guard lock(limits_mutex_);
    limits_.emplace_back(guard, limits);
  }
  void Remove(const ConnectionGuard* guard) {
    std::lock_guard lock(limits_mutex_);
    std::erase_if(limits_, [guard](const auto& entry) { return entry.first == guard; });
  }

  void Begin(Connection connection, std::string peer) {
    const std::optional<ConnectionLimits> limits = Limits();
    if (!limits) return;
    // Who may open a Unix socket's file is not a stranger, and all of them have one name.
    const bool stranger = !peer.starts_with("unix");
    auto open = std::make_shared<Open>(std::move(peer), *limits, stranger);
    if (stranger) by_peer_.Set(open->peer, open);
    by_connection_.Set(connection, std::move(open));
  }
  void End(Connection connection) {
    const OpenPtr open = by_connection_.Take(connection);
    if (open != nullptr) by_peer_.Remove(open->peer, open);
  }
  /// True of connections that are not guarded.
  bool Take(Connection connection, std::string_view bytes) {
    const OpenPtr open = by_connection_.Find(connection);
    if (open == nullptr || open->meter.Take(bytes)) return true;
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  int64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  void LetIn(const std::string& peer) {
    // Once is enough.
    const OpenPtr open = by_peer_.Take(peer);
    if (open != nullptr) open->meter.LetIn();
  }

 private:
  struct Open {
    Open(std::string its_peer, const ConnectionLimits& limits, bool stranger)
        : peer(std::move(its_peer)), meter(limits, stranger) {}
    const std::string peer;
    ConnectionMeter meter;
  };
  using OpenPtr = std::shared_ptr<Open>;

  std::optional<ConnectionLimits> Limits() {
    std::lock_guard lock(limits_mutex_);
    return limits_.empty() ? std::nullopt : std::optional(limits_.back().second);
  }

  SharedMap<Connection, OpenPtr> by_connection_;
  SharedMap<std::string, OpenPtr> by_peer_;  // strangers
  std::atomic<int64_t> refused_{0};
  std::mutex limits_mutex_;
  std::vector<std::pair<const ConnectionGuard*, ConnectionLimits>> limits_;
};

/// gRPC's function of that name.
template <typename Function>
Function Original(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  // The library was found by the same name when it called here.
  GPR_ASSERT(found != nullptr);
  return reinterpret_cast<Function>(found);
}

}  // namespace

ConnectionGuard::ConnectionGuard(ConnectionLimits limits) { Connections::Get().Add(this, limits); }

ConnectionGuard::~ConnectionGuard() { Connections::Get().Remove(this); }

int64_t ConnectionGuard::refused() { return Connections::Get().refused(); }

void ConnectionGuard::LetIn(const std::string& peer) { Connections::Get().LetIn(peer); }

}  // namespace longbow::transport

using longbow::transport::Connections;
using longbow::transport::Original;

// NOLINTBEGIN(readability-identifier-naming): the names are gRPC's.

/// A connection begins.
[[gnu::visibility("default")]] grpc_transport* grpc_create_chttp2_transport(
    const grpc_core::ChannelArgs& arguments, grpc_endpoint* endpoint, bool is_client) {
  using Create = grpc_transport* (*)(const grpc_core::ChannelArgs&, grpc_endpoint*, bool);
  static const auto create = Original<Create>(
      "_Z28grpc_create_chttp2_transportRKN9grpc_core11ChannelArgsEP13grpc_endpointb");
  // The transport owns the endpoint from then on.
  std::string peer(grpc_endpoint_get_peer(endpoint));
  grpc_transport* const made = create(arguments, endpoint, is_client);
  // Its first bytes are read later, when who asked for it says so.
  if (!is_client) Connections::Get().Begin(made, std::move(peer));
  return made;
}

/// Bytes of a connection, decrypted; an error gives the connection up.
[[gnu::visibility("default")]] absl::Status grpc_chttp2_perform_read(
    grpc_chttp2_transport* connection, const grpc_slice& bytes) {
  using Read = absl::Status (*)(grpc_chttp2_transport*, const grpc_slice&);
  static const auto read =
      Original<Read>("_Z24grpc_chttp2_perform_readP21grpc_chttp2_transportRK10grpc_slice");
  const std::string_view text(reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(bytes)),
                              GRPC_SLICE_LENGTH(bytes));
  if (!Connections::Get().Take(connection, text)) {
    gpr_log(GPR_ERROR,
            "a client sent header fields much larger than max_metadata_bytes of [server], or many "
            "messages or a large one before it was let in; its connection is closed");
    return absl::ResourceExhaustedError("More than this client may send");
  }
  return read(connection, bytes);
}

/// A connection ends: its destructor.
extern "C" [[gnu::visibility("default")]] void _ZN21grpc_chttp2_transportD1Ev(
    grpc_chttp2_transport* connection) {
  using Destroy = void (*)(grpc_chttp2_transport*);
  static const auto destroy = Original<Destroy>("_ZN21grpc_chttp2_transportD1Ev");
  Connections::Get().End(connection);
  destroy(connection);
}

// NOLINTEND(readability-identifier-naming)
