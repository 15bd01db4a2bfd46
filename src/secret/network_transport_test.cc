// Servers that do not behave: what the stand-in of Vault cannot do.

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <longbow/error.h>

#include "secret/http_transport.h"

namespace longbow::secret {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Accepts connections and lets a function talk to each, until it says that it is over.
class RawServer {
 public:
  using Talk = std::function<void(int connection, const std::atomic<bool>& is_over)>;

  explicit RawServer(Talk talk) : talk_(std::move(talk)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    listen(listener_, 8);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~RawServer() {
    is_over_ = true;
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  bool was_asked() const { return was_asked_; }

 private:
  void Run() {
    while (!is_over_) {
      pollfd polled{listener_, POLLIN, 0};
      if (poll(&polled, 1, 10) <= 0) continue;
      const int connection = accept(listener_, nullptr, nullptr);
      was_asked_ = true;
      talk_(connection, is_over_);
      close(connection);
    }
  }

  const Talk talk_;
  std::atomic<bool> is_over_{false};
  std::atomic<bool> was_asked_{false};
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

/// Takes the request. Closing with it unread would reset the connection, answer and all.
void Receive(int connection) {
  char request[4096];
  [[maybe_unused]] const ssize_t got = recv(connection, request, sizeof(request), 0);
}

void Send(int connection, const std::string& bytes) {
  [[maybe_unused]] const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

HttpRequest RequestTo(int port, milliseconds timeout, bool is_tls = false) {
  HttpRequest request;
  request.origin = HttpOrigin{is_tls, "127.0.0.1", port};
  request.method = "GET";
  request.target = "/v1/kv/data/a";
  request.headers = {{"X-Vault-Token", "hvs.in-header"}};
  request.timeout = timeout;
  return request;
}

/// The error of a request to a server that talks like that.
ErrorCode CodeFor(RawServer::Talk talk, milliseconds timeout, bool is_tls = false) {
  RawServer server(std::move(talk));
  auto transport = MakeNetworkTransport({});
  const arrow::Status status = transport->Send(RequestTo(server.port(), timeout, is_tls)).status();
  EXPECT_EQ(status.ToString().find("hvs."), std::string::npos) << status.ToString();
  return ErrorCodeOf(status);
}

void Silence(int, const std::atomic<bool>& is_over) {
  while (!is_over) std::this_thread::sleep_for(milliseconds(5));
}

RawServer::Talk Drip(const std::string& begin, const std::string& drop) {
  return [begin, drop](int connection, const std::atomic<bool>& is_over) {
    Send(connection, begin);
    while (!is_over) {
      Send(connection, drop);
      std::this_thread::sleep_for(milliseconds(5));
    }
  };
}

TEST(NetworkTransport, ASilentServerIsGivenUp) {
  EXPECT_EQ(CodeFor(Silence, milliseconds(100)), ErrorCode::kTimeout);
  EXPECT_EQ(CodeFor(Silence, milliseconds(100), /*is_tls=*/true), ErrorCode::kTimeout);
}

TEST(NetworkTransport, AServerThatDripsIsGivenUpToo) {
  EXPECT_EQ(CodeFor(Drip("HTTP/1.1 200 OK\r\nX: ", "y"), milliseconds(100)), ErrorCode::kTimeout);
  EXPECT_EQ(
      CodeFor(Drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "y"), milliseconds(100)),
      ErrorCode::kTimeout);
}

TEST(NetworkTransport, NoAnswerThatIsNoneIsTaken) {
  for (const char* answer : {"", "x", "HTTP/1.1\r\n\r\n", "\r\n\r\n", "SSH-2.0-x\r\n"}) {
    const auto talk = [answer](int connection, const std::atomic<bool>&) {
      Send(connection, answer);
    };
    EXPECT_EQ(CodeFor(talk, seconds(30)), ErrorCode::kNotReady) << answer;
  }
}

TEST(NetworkTransport, AnAnswerHasALimit) {
  const auto talk = [](int connection, const std::atomic<bool>& is_over) {
    Receive(connection);
    Send(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    for (int i = 0; i < 64 && !is_over; ++i) Send(connection, chunk);
  };
  EXPECT_EQ(CodeFor(talk, seconds(30)), ErrorCode::kResourceExhausted);
}

TEST(NetworkTransport, NobodyListens) {
  int port = 0;
  { port = RawServer(Silence).port(); }
  auto transport = MakeNetworkTransport({});
  EXPECT_EQ(ErrorCodeOf(transport->Send(RequestTo(port, seconds(30))).status()),
            ErrorCode::kNotReady);
}

TEST(NetworkTransport, AnInterruptEndsWhatRunsAndWhatComes) {
  RawServer server(Silence);
  auto transport = MakeNetworkTransport({});
  std::thread interrupter([&] {
    while (!server.was_asked()) std::this_thread::sleep_for(milliseconds(1));
    transport->Interrupt();
  });
  EXPECT_EQ(ErrorCodeOf(transport->Send(RequestTo(server.port(), seconds(300))).status()),
            ErrorCode::kShuttingDown);
  interrupter.join();
  EXPECT_EQ(ErrorCodeOf(transport->Send(RequestTo(server.port(), seconds(300))).status()),
            ErrorCode::kShuttingDown);
}

TEST(NetworkTransport, GivesStatusBodyAndLocation) {
  RawServer server([](int connection, const std::atomic<bool>&) {
    Receive(connection);
    Send(connection, "HTTP/1.1 307 x\r\nLocation: http://a/b\r\nContent-Length: 4\r\n\r\nbody");
  });
  HttpReply reply =
      MakeNetworkTransport({})->Send(RequestTo(server.port(), seconds(30))).ValueOrDie();
  EXPECT_EQ(reply.status, 307);
  EXPECT_EQ(reply.location, "http://a/b");
  EXPECT_EQ(reply.body, "body");
}

}  // namespace
}  // namespace longbow::secret
