#include "http/http_server.h"

#include <microhttpd.h>
#include <strings.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include <longbow/error.h>

#include "base/tcp_listener.h"
#include "http/connection_table.h"
#include "http/exchange.h"
#include "http/host_names.h"
#include "http/router.h"

namespace longbow::http {
namespace {

// For connections that were cut off and are not closed yet.
constexpr int kConnectionSlack = 64;
constexpr int kMaxConnections = 100'000;
constexpr int kMaxTimeoutSec = 3600;
constexpr size_t kMinMemoryPerConnection = 1024;

// What a browser is told with every response.
constexpr std::pair<const char*, const char*> kSafeHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy",
     "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Frame-Options", "DENY"},
};

/// A connection, and the request on it.
struct Connection {
  ConnectionTable::Place place;
  std::string target;  // of the request whose headers have not come yet
  std::optional<Exchange> exchange;
};

/// A response's body while a client takes it.
struct WaitingBody {
  std::string bytes;
  std::atomic<int64_t>* waiting_bytes;
};

void FreeBody(void* body) {
  const std::unique_ptr<WaitingBody> owner(static_cast<WaitingBody*>(body));
  owner->waiting_bytes->fetch_sub(static_cast<int64_t>(owner->bytes.size()));
}

Connection* ConnectionOf(MHD_Connection* mhd) {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
}

/// libmicrohttpd calls it for each header. What cannot be kept ends the request.
MHD_Result TakeHeader(void* head, MHD_ValueKind, const char* name, size_t name_size,
                      const char* value, size_t value_size) {
  try {
    static_cast<ReceivedHead*>(head)->headers.emplace_back(
        std::string(name, name_size),
        value == nullptr ? std::string() : std::string(value, value_size));
    return MHD_YES;
  } catch (...) {
    return MHD_NO;
  }
}

bool AddHeader(MHD_Response* response, const char* name, const char* value) {
  return MHD_add_response_header(response, name, value) == MHD_YES;
}

bool AddHeaders(MHD_Response* response, const HttpResponse& from) {
  if (!from.content_type.empty() &&
      !AddHeader(response, "Content-Type", from.content_type.c_str())) {
    return false;
  }
  for (const auto& [name, value] : from.headers) {
    if (!AddHeader(response, name.c_str(), value.c_str())) return false;
  }
  return std::all_of(std::begin(kSafeHeaders), std::end(kSafeHeaders), [&](const auto& safe) {
    const bool replaced = std::any_of(
        from.headers.begin(), from.headers.end(),
        [&](const auto& own) { return strcasecmp(own.first.c_str(), safe.first) == 0; });
    return replaced || AddHeader(response, safe.first, safe.second);
  });
}

HostNames NamesOf(const HttpServerOptions& options) {
  std::vector<std::string> names = options.allowed_hosts;
  names.push_back(options.host);
  return HostNames(names);
}

arrow::Status CheckOptions(const HttpServerOptions& options) {
  const auto wrong = [](const std::string& what) {
    return MakeError(ErrorCode::kBadArgument, "The HTTP server cannot start: " + what);
  };
  if (options.max_connections < 1 || options.max_connections > kMaxConnections) {
    return wrong("max_connections is from 1 to " + std::to_string(kMaxConnections));
  }
  if (options.max_connections_per_address < 0) {
    return wrong("max_connections_per_address is 0, for no limit, or more");
  }
  if (options.request_timeout_sec < 1 || options.request_timeout_sec > kMaxTimeoutSec) {
    return wrong("request_timeout_sec is from 1 to " + std::to_string(kMaxTimeoutSec));
  }
  if (options.memory_per_connection_bytes < kMinMemoryPerConnection) {
    return wrong("memory_per_connection_bytes is " + std::to_string(kMinMemoryPerConnection) +
                 " or more");
  }
  if (options.max_request_bytes < 0 || options.max_request_bytes > INT32_MAX ||
      options.max_waiting_response_bytes < 1) {
    return wrong("a limit of bytes is below its smallest value, or above 2 GiB");
  }
  return arrow::Status::OK();
}

}  // namespace

/// Everything that the callbacks need, and the loops that call them.
class HttpServer::Engine {
 public:
  Engine(const HttpServerOptions& options, std::vector<HttpRoute> routes,
         std::function<bool(std::string_view)> check_token, Logger* logger)
      : options_(options),
        logger_(logger),
        router_(std::move(routes), NamesOf(options), std::move(check_token), logger),
        table_({static_cast<size_t>(options.max_connections),
                std::chrono::seconds(options.request_timeout_sec), &clock_, logger}) {}
  ~Engine() { Stop(); }

  arrow::Status Start();
  void Stop();
  int port() const { return port_; }

 private:
  // What libmicrohttpd calls, always on the thread of the connection's loop.
  static void OnConnection(void* engine, MHD_Connection* mhd, void** context,
                           MHD_ConnectionNotificationCode code);
  static void* OnTarget(void* engine, const char* target, MHD_Connection* mhd);
  static MHD_Result OnRequest(void* engine, MHD_Connection* mhd, const char* url,
                              const char* method, const char* version, const char* body,
                              size_t* body_size, void** request);
  static void OnCompleted(void* engine, MHD_Connection* mhd, void** request,
                          MHD_RequestTerminationCode code);

  arrow::Status StartLoop(Descriptor socket, const std::string& address);
  void Open(MHD_Connection* mhd, void** context);
  MHD_Result Serve(MHD_Connection* mhd, const char* method, const char* body, size_t* body_size);
  MHD_Result Answer(MHD_Connection* mhd, Connection* connection, HttpResponse response);
  MHD_Result Queue(MHD_Connection* mhd, HttpResponse response);

  const HttpServerOptions options_;
  Logger* const logger_;
  const Router router_;
  const SystemClock clock_;
  std::atomic<int64_t> waiting_bytes_{0};
  ConnectionTable table_;
  int port_ = 0;
  std::mutex stop_mutex_;
  std::vector<MHD_Daemon*> loops_;  // one for each socket
};

arrow::Status HttpServer::Engine::Start() {
  ARROW_ASSIGN_OR_RAISE(TcpListener listener, ListenOnTcp(options_.host, options_.port));
  port_ = listener.port;
  table_.Start();
  for (Descriptor& socket : listener.sockets) {
    ARROW_RETURN_NOT_OK(StartLoop(std::move(socket), listener.address));
  }
  return arrow::Status::OK();
}

arrow::Status HttpServer::Engine::StartLoop(Descriptor socket, const std::string& address) {
  // The loop closes the socket at its end. Where it does not even start it may have done so or not;
  // to close it here could close one that another thread has just opened.
  const int taken = socket.Release();
  errno = 0;
  MHD_Daemon* loop = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, /*port=*/0, /*accept=*/nullptr, nullptr,
      &Engine::OnRequest, this, MHD_OPTION_LISTEN_SOCKET, taken, MHD_OPTION_CONNECTION_LIMIT,
      static_cast<unsigned int>(options_.max_connections + kConnectionSlack),
      MHD_OPTION_PER_IP_CONNECTION_LIMIT,
      static_cast<unsigned int>(options_.max_connections_per_address),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options_.memory_per_connection_bytes,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, &Engine::OnConnection, this,
      MHD_OPTION_URI_LOG_CALLBACK, &Engine::OnTarget, this, MHD_OPTION_NOTIFY_COMPLETED,
      &Engine::OnCompleted, this, MHD_OPTION_END);
  if (loop == nullptr) {
    return MakeError(ErrorCode::kInternalError,
                     "The HTTP server on '" + address +
                         "' cannot start: " + std::strerror(errno == 0 ? ENOMEM : errno) +
                         ". Raise the limits of open files and threads (ulimit -n, -u)");
  }
  std::lock_guard lock(stop_mutex_);
  loops_.push_back(loop);
  return arrow::Status::OK();
}

void HttpServer::Engine::Stop() {
  std::lock_guard lock(stop_mutex_);
  for (MHD_Daemon* loop : loops_) MHD_stop_daemon(loop);
  loops_.clear();
}

void HttpServer::Engine::OnConnection(void* engine, MHD_Connection* mhd, void** context,
                                      MHD_ConnectionNotificationCode code) {
  auto* self = static_cast<Engine*>(engine);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    self->Open(mhd, context);
    return;
  }
  // Before the socket is closed, so that no other one with its number is shut down.
  const std::unique_ptr<Connection> ended(static_cast<Connection*>(*context));
  *context = nullptr;
  if (ended != nullptr) self->table_.Remove(ended->place);
}

void HttpServer::Engine::Open(MHD_Connection* mhd, void** context) {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return;
  try {
    auto made = std::make_unique<Connection>();
    made->place = table_.Add(info->connect_fd);
    *context = made.release();
  } catch (...) {
    // No memory. Without its context, the first request ends the connection.
  }
}

void* HttpServer::Engine::OnTarget(void*, const char* target, MHD_Connection* mhd) {
  Connection* connection = ConnectionOf(mhd);
  if (connection == nullptr) return nullptr;
  try {
    connection->target = target;
  } catch (...) {
    connection->target.clear();  // answered with 400
  }
  return nullptr;
}

MHD_Result HttpServer::Engine::OnRequest(void* engine, MHD_Connection* mhd, const char*,
                                         const char* method, const char*, const char* body,
                                         size_t* body_size, void**) {
  auto* self = static_cast<Engine*>(engine);
  try {
    return self->Serve(mhd, method, body, body_size);
  } catch (...) {
    // Memory has run out, most likely: the connection is closed.
    return MHD_NO;
  }
}

MHD_Result HttpServer::Engine::Serve(MHD_Connection* mhd, const char* method, const char* body,
                                     size_t* body_size) {
  Connection* connection = ConnectionOf(mhd);
  if (connection == nullptr) return MHD_NO;
  if (!connection->exchange) {
    connection->exchange.emplace(&router_, options_.max_request_bytes);
    ReceivedHead head{method, std::move(connection->target), {}};
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, &TakeHeader, &head);
    std::optional<HttpResponse> refusal = connection->exchange->Begin(std::move(head));
    if (refusal) return Answer(mhd, connection, std::move(*refusal));
    return MHD_YES;
  }
  if (*body_size > 0) {
    const bool go_on = connection->exchange->AddBody({body, *body_size});
    *body_size = 0;
    return go_on ? MHD_YES : MHD_NO;
  }
  return Answer(mhd, connection, connection->exchange->Finish());
}

MHD_Result HttpServer::Engine::Answer(MHD_Connection* mhd, Connection* connection,
                                      HttpResponse response) {
  const auto size = static_cast<int64_t>(response.body.size());
  if (waiting_bytes_.load() + size > options_.max_waiting_response_bytes) {
    response = TextResponse(503, "Too many responses have not been taken yet. Try again.");
    response.headers.emplace_back("Retry-After", "1");
  }
  const MHD_Result queued = Queue(mhd, std::move(response));
  table_.Restart(connection->place);
  return queued;
}

MHD_Result HttpServer::Engine::Queue(MHD_Connection* mhd, HttpResponse response) {
  auto body = std::make_unique<WaitingBody>();
  body->bytes = std::move(response.body);
  body->waiting_bytes = &waiting_bytes_;
  const std::unique_ptr<MHD_Response, void (*)(MHD_Response*)> made(
      MHD_create_response_from_buffer_with_free_callback_cls(body->bytes.size(), body->bytes.data(),
                                                             &FreeBody, body.get()),
      MHD_destroy_response);
  if (made == nullptr) return MHD_NO;
  waiting_bytes_.fetch_add(static_cast<int64_t>(body->bytes.size()));
  body.release();  // FreeBody has it
  if (!AddHeaders(made.get(), response)) {
    if (logger_ != nullptr) {
      logger_->Error(
          "a handler's HTTP response has a header that cannot be sent; the client was told 500",
          {{"status", std::to_string(response.status)}});
    }
    return Queue(mhd, TextResponse(500, "This response cannot be sent. The log says why."));
  }
  return MHD_queue_response(mhd, static_cast<unsigned int>(response.status), made.get());
}

void HttpServer::Engine::OnCompleted(void* engine, MHD_Connection* mhd, void**,
                                     MHD_RequestTerminationCode) {
  Connection* connection = ConnectionOf(mhd);
  if (connection == nullptr) return;
  connection->exchange.reset();
  connection->target.clear();
  static_cast<Engine*>(engine)->table_.Restart(connection->place);
}

arrow::Result<std::unique_ptr<HttpServer>> HttpServer::Start(
    HttpServerOptions options, std::vector<Route> routes,
    std::function<bool(std::string_view)> check_token, Logger* logger) {
  ARROW_RETURN_NOT_OK(CheckOptions(options));
  auto engine =
      std::make_unique<Engine>(options, std::move(routes), std::move(check_token), logger);
  ARROW_RETURN_NOT_OK(engine->Start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(engine)));
}

HttpServer::HttpServer(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

HttpServer::~HttpServer() = default;

int HttpServer::port() const { return engine_->port(); }

void HttpServer::Stop() { engine_->Stop(); }

}  // namespace longbow::http
