// Clients that mean harm, or are slow: what they get, and that others are answered meanwhile.

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

#include "http/http_server.h"
#include "http/raw_client.h"

namespace longbow::http {
namespace {

// More than the buffers of both ends of a connection hold.
constexpr size_t kLongResponse = size_t{32} << 20;

HttpResponse Live(const HttpRequest&) {
  HttpResponse response;
  response.status = 204;
  return response;
}

HttpResponse SizeOfBody(const HttpRequest& request) {
  return TextResponse(200, std::to_string(request.body.size()));
}

HttpResponse Long(const HttpRequest&) { return TextResponse(200, std::string(kLongResponse, 'x')); }

class HttpServerLimitsTest : public ::testing::Test {
 protected:
  HttpServerLimitsTest() {
    options_.host = "127.0.0.1";
    options_.max_request_bytes = 1000;
  }

  void Start() {
    server_ = HttpServer::Start(options_,
                                {{"GET", "/live", Live},
                                 {"GET", "/size", SizeOfBody},
                                 {"POST", "/size", SizeOfBody},
                                 {"GET", "/long", Long}},
                                {}, &logger_)
                  .ValueOrDie();
  }
  int port() const { return server_->port(); }
  bool IsAlive() const { return AskOnce(port(), "GET", "/live").status == 204; }

  HttpServerOptions options_;
  longbow::testing::RecordingLogger logger_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerLimitsTest, GarbageIsRefusedOrCutOff) {
  options_.request_timeout_sec = 1;
  Start();
  const std::string zeros(4096, '\0');
  for (const std::string& garbage :
       {std::string("\r\n\r\n\r\n"), std::string("GET\r\n\r\n"), std::string("\x16\x03\x01\x02"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET /live HTTP/1.1\r\n\r\n"),
        std::string("GET /live HTTP/1.1\r\n: x\r\n\r\n"), zeros,
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string("GET http://other/live HTTP/1.1\r\nHost: localhost\r\n\r\n")}) {
    RawClient client(port());
    client.Send(garbage);
    const int status = client.Read().status;
    EXPECT_TRUE(status == 0 || (status >= 400 && status <= 505)) << status << ": " << garbage;
    EXPECT_TRUE(client.WaitForEnd());
  }
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, RandomBytesDoNoHarm) {
  Start();
  std::mt19937 random(7);
  const std::string request =
      "POST /size?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nX: y\r\n\r\nbody";
  for (int i = 0; i < 300; ++i) {
    std::string bytes = request;
    for (int j = 0; j < 4; ++j) bytes[random() % bytes.size()] = static_cast<char>(random());
    RawClient client(port());
    client.Send(bytes);
  }
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, AHeaderThatIsTooLongIsRefused) {
  Start();
  const std::string words(64 * 1024, 'a');
  EXPECT_EQ(AskOnce(port(), "GET", "/live", "X-Long: " + words + "\r\n").status, 431);
  const int status = AskOnce(port(), "GET", "/" + words).status;
  EXPECT_TRUE(status == 414 || status == 431) << status;
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(AskOnce(port(), "GET", "/live", many).status, 431);
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, ABodyThatIsTooLongIsRefused) {
  Start();
  EXPECT_EQ(AskOnce(port(), "POST", "/size", "", std::string(1000, 'x')).body, "1000\n");
  EXPECT_EQ(AskOnce(port(), "POST", "/size", "", std::string(1001, 'x')).status, 413);
  // Of this one, only the head is sent.
  EXPECT_EQ(AskOnce(port(), "POST", "/size", "Content-Length: 99999999999\r\n").status, 413);
  EXPECT_EQ(AskOnce(port(), "POST", "/size", "Content-Length: -1\r\n").status, 400);
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, ABodyInChunksHasTheSameLimit) {
  Start();
  const auto chunk = [](size_t size) {
    char length[16];
    std::snprintf(length, sizeof(length), "%zx\r\n", size);
    return length + std::string(size, 'x') + "\r\n";
  };
  const std::string_view chunked = "Transfer-Encoding: chunked\r\n";
  const auto ask = [&](const std::string& chunks) {
    RawClient client(port());
    client.Send("POST /size HTTP/1.1\r\nHost: localhost\r\n" + std::string(chunked) + "\r\n" +
                chunks);
    return client.Read();
  };
  EXPECT_EQ(ask(chunk(500) + chunk(500) + "0\r\n\r\n").body, "1000\n");
  EXPECT_EQ(ask(chunk(500) + chunk(501) + "0\r\n\r\n").status, 413);
  // Who goes on and on is not listened to.
  EXPECT_EQ(ask(chunk(2000) + chunk(2000) + chunk(2000)).status, 0);
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, ABodyWithTwoEndsIsRefused) {
  Start();
  for (const char* headers :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"}) {
    EXPECT_EQ(AskOnce(port(), "POST", "/size", headers).status, 400) << headers;
  }
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, SlowConnectionsKeepNobodyWaiting) {
  Start();
  std::vector<RawClient> slow;
  for (int i = 0; i < 200; ++i) {
    slow.emplace_back(port());
    ASSERT_TRUE(slow.back().Send("GET /live HTTP/1.1\r\nHost: localhost\r\nX-Slow: "));
  }
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(IsAlive());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  // They are slow, not forgotten.
  for (RawClient& client : slow) ASSERT_TRUE(client.Send("x\r\n\r\n"));
  for (RawClient& client : slow) EXPECT_EQ(client.Read().status, 204);
}

TEST_F(HttpServerLimitsTest, MoreThanTheLimitKeepNobodyWaiting) {
  options_.max_connections = 20;
  Start();
  std::vector<RawClient> idle;
  for (int i = 0; i < 300; ++i) idle.emplace_back(port());
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(IsAlive());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_TRUE(idle.front().WaitForEnd());
  EXPECT_TRUE(logger_.Contains("max_connections of [http]"));
}

TEST_F(HttpServerLimitsTest, OneAddressHasALimitOfItsOwn) {
  options_.max_connections_per_address = 2;
  Start();
  RawClient first(port());
  RawClient second(port());
  EXPECT_EQ(first.Ask("GET", "/live").status, 204);
  EXPECT_EQ(second.Ask("GET", "/live").status, 204);
  EXPECT_EQ(AskOnce(port(), "GET", "/live").status, 0);
  EXPECT_EQ(first.Ask("GET", "/live").status, 204);
}

TEST_F(HttpServerLimitsTest, AByteNowAndThenIsCutOff) {
  options_.request_timeout_sec = 1;
  Start();
  RawClient head(port());
  RawClient body(port());
  RawClient silent(port());
  head.Send("GET /live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  body.Send("POST /size HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n");
  std::atomic<bool> ended{false};
  std::thread drip([&] {
    while (!ended) {
      const bool head_lives = head.Send("x");
      const bool body_lives = body.Send("x");
      if (!head_lives && !body_lives) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  EXPECT_TRUE(head.WaitForEnd());
  EXPECT_TRUE(body.WaitForEnd());
  EXPECT_TRUE(silent.WaitForEnd());
  ended = true;
  drip.join();
  EXPECT_TRUE(IsAlive());
}

TEST_F(HttpServerLimitsTest, AResponseThatIsNotTakenIsCutOff) {
  options_.request_timeout_sec = 1;
  options_.max_waiting_response_bytes = static_cast<int64_t>(2 * kLongResponse - 1);
  Start();
  RawClient stuck(port());
  stuck.ShrinkReceiveBuffer();
  ASSERT_TRUE(stuck.Send("GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  // While it is stuck there is no room for a second one.
  int status = 0;
  do {
    RawClient other(port());
    status = other.Ask("HEAD", "/long").status;
  } while (status == 200);
  EXPECT_EQ(status, 503);
  // Afterwards there is: its memory is free again, though the client never went away.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    EXPECT_TRUE(IsAlive());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    status = AskOnce(port(), "HEAD", "/long").status;
  } while (status != 200 && std::chrono::steady_clock::now() < limit);
  EXPECT_EQ(status, 200);
}

}  // namespace
}  // namespace longbow::http
