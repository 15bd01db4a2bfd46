#include "transport/server.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <pthread.h>

#include <absl/synchronization/mutex.h>
#include <arrow/memory_pool.h>
#include <grpc/grpc.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <longbow/error.h>
#include <longbow/log.h>

#include "transport/acceptor.h"
#include "transport/connection_guard.h"
#include "transport/connections.h"
#include "transport/grpc_log.h"
#include "transport/health_service.h"
#include "transport/listening_socket.h"
#include "transport/method.h"
#include "transport/rpc_stream.h"
#include "transport/server_call.h"
#include "transport/tls_credentials.h"

namespace longbow::transport {
namespace {

// Clients that ping more often than this are cut off.
constexpr int kMinClientPingMs = 10'000;
// A call with more header fields than allowed gets an error as long as they are within so many
// times the limit; beyond that its connection is closed, since gRPC keeps what it has read of them.
constexpr int64_t kHeaderBlockFactor = 4;
// The frame that a client sends unless it is told otherwise (RFC 9113, 6.5.2).
constexpr int64_t kFrameBytes = 16384;
// How long clients that have no open call may take to say good-bye.
constexpr std::chrono::milliseconds kGoodByeLimit{200};

int ToInt(int64_t value) {
  return static_cast<int>(std::min<int64_t>(value, std::numeric_limits<int>::max()));
}

/// Counts what is to end before a server can.
class OpenCalls {
 public:
  void Begin() { count_.fetch_add(1, std::memory_order_relaxed); }
  void End() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    // Taking the lock orders this before a waiter's look at the count, or after its wait began.
    std::lock_guard lock(mutex_);
    none_.notify_all();
  }
  int64_t count() const { return count_.load(std::memory_order_acquire); }
  bool WaitForNone(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, limit, [this] { return count() == 0; });
  }

 private:
  std::atomic<int64_t> count_{0};
  std::mutex mutex_;
  std::condition_variable none_;
};

/// The threads that serve RPCs, each with a queue of its own. A connection stays with one of them.
class RpcThreads {
 public:
  /// Waits that each queue has, so that calls that come at once need not stand in line.
  static constexpr int kWaitsPerQueue = 32;

  RpcThreads(int count, grpc::ServerBuilder* builder) {
    for (int i = 0; i < count; ++i) queues_.push_back(builder->AddCompletionQueue());
  }
  /// The server must have been shut down, and all calls must have ended.
  ~RpcThreads() {
    for (const auto& queue : queues_) queue->Shutdown();
    for (std::thread& thread : threads_) thread.join();
    // Where no thread was ever started, the queues have to be emptied all the same.
    for (const auto& queue : queues_) Serve(queue.get());
  }

  void Start(grpc::AsyncGenericService* service, const RpcStream::Accept* accept) {
    for (const auto& queue : queues_) {
      for (int i = 0; i < kWaitsPerQueue; ++i) RpcStream::Await(service, queue.get(), accept);
      threads_.emplace_back([queue = queue.get()] { Serve(queue); });
      pthread_setname_np(threads_.back().native_handle(), "longbow-rpc");
    }
  }

 private:
  static void Serve(grpc::CompletionQueue* queue) {
    void* tag = nullptr;
    bool ok = false;
    while (queue->Next(&tag, &ok)) static_cast<CompletionTag*>(tag)->Complete(ok);
  }

  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
};

int RpcThreadCount(const ServerOptions& options) {
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(processors, 2, std::max(2, options.max_threads));
}

void SetLimits(const ServerOptions& options, grpc::ServerBuilder* builder) {
  // The calls themselves look at the size: where gRPC drops a message that is too large and its
  // client has sent all it has, the read ends just as if that message had never been.
  builder->SetMaxReceiveMessageSize(-1);
  builder->SetMaxSendMessageSize(-1);
  // A compressed message becomes up to a thousand times larger in gRPC's hands, before anybody can
  // ask who sends it or look at its size. Arrow's own compression is of buffers, and stays.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, ToInt(kWriteAheadBytes));
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.max_metadata_bytes);
  if (options.max_concurrent_streams > 0) {
    builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  }
  grpc::ResourceQuota quota("longbow");
  if (options.memory_quota_bytes > 0) {
    quota.Resize(static_cast<size_t>(options.memory_quota_bytes));
  }
  builder->SetResourceQuota(quota);
}

void SetConnectionRules(const ServerOptions& options, grpc::ServerBuilder* builder) {
  const auto set_ms = [builder](const char* name, int seconds) {
    if (seconds > 0) builder->AddChannelArgument(name, ToInt(int64_t{seconds} * 1000));
  };
  set_ms(GRPC_ARG_MAX_CONNECTION_AGE_MS, options.max_connection_age_sec);
  set_ms(GRPC_ARG_MAX_CONNECTION_IDLE_MS, options.max_connection_idle_sec);
  set_ms(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_time_sec);
  set_ms(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout_sec);
  // What connects and then says nothing is cut off: gRPC would wait for 120 s.
  set_ms(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, options.keepalive_timeout_sec);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              kMinClientPingMs);
}

/// As HTTP/2 counts them (RFC 9113, 6.5.2), the fields that are gRPC's own left out.
int64_t HeaderBytes(const std::multimap<grpc::string_ref, grpc::string_ref>& headers) {
  constexpr size_t kPerField = 32;
  size_t bytes = 0;
  for (const auto& [name, value] : headers) bytes += name.size() + value.size() + kPerField;
  return static_cast<int64_t>(bytes);
}

ConnectionLimits LimitsOfConnections(const ServerOptions& options) {
  ConnectionLimits limits;
  limits.max_block_bytes = kHeaderBlockFactor * options.max_metadata_bytes;
  // Clients may fill their frames by half.
  limits.max_block_frames =
      std::max(limits.max_block_frames, ToInt(2 * limits.max_block_bytes / kFrameBytes));
  return limits;
}

class GrpcServer final : public Server {
 public:
  GrpcServer(const ServerOptions& options, CallHandler* handler, Logger* logger)
      : grpc_log_(logger),
        guard_(LimitsOfConnections(options)),
        max_metadata_bytes_(options.max_metadata_bytes),
        host_(std::make_shared<CallHost>()),
        handler_(handler) {
    host_->observer = options.observer;
    host_->tracer = options.tracer;
    host_->memory_pool =
        options.memory_pool == nullptr ? arrow::default_memory_pool() : options.memory_pool;
    host_->logger = logger == nullptr ? &no_logger_ : logger;
    host_->max_message_bytes = options.max_message_bytes;
    host_->timer = Timer::Make(&host_->clock);
    host_->request_watch.emplace(options.request_timeout, &host_->clock, host_->timer.get());
    host_->on_done = [this](bool counted) {
      if (counted) open_flight_calls_.fetch_sub(1, std::memory_order_relaxed);
      open_calls_.End();
    };
    accept_ = [this](std::unique_ptr<RpcStream> stream) { Accept(std::move(stream)); };
  }
  ~GrpcServer() override { Shutdown(std::chrono::milliseconds(0)); }

  arrow::Status Listen(const ServerOptions& options) {
    if (options.addresses.empty()) {
      return MakeError(ErrorCode::kBadArgument, "A server needs an address to listen on");
    }
    if (options.tls) {
      ARROW_ASSIGN_OR_RAISE(tls_, TlsCredentials::Make(*options.tls, &host_->clock));
    }
    for (const std::string& address : options.addresses) {
      ARROW_ASSIGN_OR_RAISE(auto socket, ListeningSocket::Bind(address));
      sockets_.push_back(std::move(socket));
    }
    // Debian's gRPC comes with a build of Abseil whose every lock looks for deadlocks.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    // Never undone: when nobody uses gRPC any more, it waits up to 10 s for a thread of its own
    // that still polls a closed connection.
    grpc_init();
    grpc::ServerBuilder builder;
    SetLimits(options, &builder);
    SetConnectionRules(options, &builder);
    builder.RegisterAsyncGenericService(&service_);
    threads_.emplace(RpcThreadCount(options), &builder);
    // A client on this machine that may open the socket's file needs no encryption.
    const auto unix_takes = AddTaker(&builder, grpc::InsecureServerCredentials());
    const auto tcp_takes =
        AddTaker(&builder, tls_ ? tls_->credentials() : grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return MakeError(ErrorCode::kInternalError, "gRPC does not start; its log says why");
    }
    std::vector<Acceptor::Source> sources;
    for (const ListeningSocket& socket : sockets_) {
      const bool is_unix = !socket.path().empty();
      if (is_unix) unix_paths_.push_back(socket.path());
      if (!is_unix) ports_.push_back(socket.port());
      sources.push_back({&socket, is_unix ? unix_takes : tcp_takes});
    }
    SetServing(false);
    threads_->Start(&service_, &accept_);
    acceptor_.emplace(
        AcceptorOptions{options.max_connections, options.keepalive_timeout_sec, host_->logger},
        std::move(sources), [this] { return CountConnections(ports_, unix_paths_); });
    return acceptor_->Start();
  }

  const std::vector<int>& ports() const override { return ports_; }
  int64_t open_calls() const override { return open_flight_calls_.load(); }
  int64_t calls_begun() const override { return flight_calls_begun_.load(); }
  int64_t open_connections() const override { return CountConnections(ports_, unix_paths_); }

  int64_t refused_connections() const override { return ConnectionGuard::refused(); }

  arrow::Status ReplaceTls(const TlsOptions& tls) override {
    if (tls_ == nullptr) {
      return MakeError(ErrorCode::kBadArgument,
                       "The server listens without TLS; turning that on takes a restart");
    }
    return tls_->Replace(tls);
  }

  std::optional<WallTime> tls_expiry() const override {
    return tls_ == nullptr ? std::nullopt : std::optional(tls_->expiry());
  }

  void SetServing(bool serving) override { health_.SetServing(serving); }

  void Shutdown(std::chrono::milliseconds grace) override {
    std::lock_guard lock(shutdown_mutex_);
    if (server_ == nullptr || shut_down_) return;
    shut_down_ = true;
    stopping_.store(true, std::memory_order_release);
    SetServing(false);
    health_.Stop();
    const bool all_ended = open_calls_.WaitForNone(grace);
    const bool polite = all_ended && grace.count() > 0;
    acceptor_.reset();
    sockets_.clear();
    if (!all_ended) SeverConnections(ports_, unix_paths_);
    server_->Shutdown(std::chrono::system_clock::now() +
                      (polite ? std::min(grace, kGoodByeLimit) : std::chrono::milliseconds(0)));
    open_calls_.WaitForNone(std::chrono::hours(24));
    threads_.reset();
  }

 private:
  void Accept(std::unique_ptr<RpcStream> stream) {
    // The count comes before the look at stopping_: a shutdown sees the call, or the call sees it.
    open_calls_.Begin();
    const std::string path = stream->context().method();
    const std::optional<Method> method = MethodOfPath(path);
    if (method) {
      open_flight_calls_.fetch_add(1, std::memory_order_relaxed);
      flight_calls_begun_.fetch_add(1, std::memory_order_relaxed);
    }
    const bool is_health = HealthService::Has(path);
    const int64_t max_header_bytes =
        is_health ? std::min(max_metadata_bytes_, HealthService::kMaxHeaderBytes)
                  : max_metadata_bytes_;
    const bool oversized = HeaderBytes(stream->context().client_metadata()) > max_header_bytes;
    auto call =
        ServerCall::Open(host_, std::move(stream), method.value_or(Method::kHandshake),
                         {.counted = method.has_value(), .keep_headers = !oversized && !is_health});
    if (oversized) {
      call->Finish(MakeError(ErrorCode::kResourceExhausted,
                             "The call has more header fields than this server takes (" +
                                 std::to_string(max_header_bytes) + " bytes)" +
                                 (is_health ? "" : "; see max_metadata_bytes of [server]")));
    } else if (is_health) {
      health_.Serve(path, std::move(call));
    } else if (!method) {
      call->Finish(MakeError(ErrorCode::kNotImplemented, "There is no method " + path));
    } else if (stopping_.load(std::memory_order_acquire)) {
      call->Finish(
          MakeError(ErrorCode::kShuttingDown, "The server is shutting down; try another node"));
    } else {
      ServerCall::Serve(call, handler_);
    }
  }

  using Taker = std::function<void(int listener, int connection)>;

  /// gRPC as the owner of connections that are accepted here.
  static Taker AddTaker(grpc::ServerBuilder* builder,
                        const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    using ExternalConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> owner =
        builder->experimental().AddExternalConnectionAcceptor(ExternalConnectionType::FROM_FD,
                                                              credentials);
    return [owner](int listener, int connection) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
      parameters.listener_fd = listener;
      parameters.fd = connection;
      owner->HandleNewConnection(&parameters);
    };
  }

  NullLogger no_logger_;
  const GrpcLog grpc_log_;
  const ConnectionGuard guard_;
  const int64_t max_metadata_bytes_;
  const std::shared_ptr<CallHost> host_;
  CallHandler* const handler_;
  HealthService health_;
  OpenCalls open_calls_;
  std::atomic<int64_t> open_flight_calls_{0};
  std::atomic<int64_t> flight_calls_begun_{0};
  std::atomic<bool> stopping_{false};
  RpcStream::Accept accept_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<TlsCredentials> tls_;
  std::optional<RpcThreads> threads_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<ListeningSocket> sockets_;
  std::vector<int> ports_;
  std::vector<std::string> unix_paths_;
  std::optional<Acceptor> acceptor_;
  std::mutex shutdown_mutex_;
  bool shut_down_ = false;
};

}  // namespace

arrow::Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                     CallHandler* handler, Logger* logger) {
  auto server = std::make_unique<GrpcServer>(options, handler, logger);
  ARROW_RETURN_NOT_OK(server->Listen(options));
  return server;
}

}  // namespace longbow::transport
