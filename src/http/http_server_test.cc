// What the server answers, over real sockets.

#include "http/http_server.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/error.h>
#include <longbow/testing/recording_logger.h>

#include "http/raw_client.h"

namespace longbow::http {
namespace {

HttpResponse Echo(const HttpRequest& request) {
  std::string text = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) text += "\n" + name + "=" + value;
  for (const auto& [name, value] : request.headers) text += "\n" + name + ": " + value;
  return TextResponse(200, text + "\n" + request.body);
}

HttpResponse Live(const HttpRequest&) {
  HttpResponse response;
  response.status = 204;
  return response;
}

std::vector<HttpServer::Route> SomeRoutes() {
  return {
      {"GET", "/live", Live, /*open=*/true, /*any_host=*/true},
      {"GET", "/echo", Echo},
      {"POST", "/echo", Echo},
      {"GET", "/throws",
       [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("inner"); }},
      {"GET", "/own-policy",
       [](const HttpRequest&) {
         HttpResponse response = TextResponse(200, "own");
         response.headers.emplace_back("content-security-policy", "default-src 'self'");
         return response;
       }},
      {"GET", "/bad-header",
       [](const HttpRequest&) {
         HttpResponse response = TextResponse(200, "x");
         response.headers.emplace_back("X-Split", "a\r\nSet-Cookie: b");
         return response;
       }},
  };
}

class HttpServerTest : public ::testing::Test {
 protected:
  std::unique_ptr<HttpServer> Start(std::function<bool(std::string_view)> check_token = {}) {
    HttpServerOptions options;
    options.host = "127.0.0.1";
    return HttpServer::Start(options, SomeRoutes(), std::move(check_token), &logger_).ValueOrDie();
  }

  longbow::testing::RecordingLogger logger_;
};

TEST_F(HttpServerTest, ARequestReachesItsHandlerDecoded) {
  const auto server = Start();
  const RawResponse get =
      AskOnce(server->port(), "GET", "/%65cho?a=1%202&b=%3C", "X-Twice: 1\r\nX-TWICE: 2\r\n");
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.body, "GET /echo\na=1 2\nb=<\nhost: localhost\nx-twice: 1, 2\n\n");
  EXPECT_EQ(get.headers.at("content-type"), "text/plain; charset=utf-8");
  const RawResponse post = AskOnce(server->port(), "POST", "/echo", "", "the body");
  EXPECT_NE(post.body.find("\nthe body\n"), std::string::npos) << post.body;
  EXPECT_EQ(AskOnce(server->port(), "GET", "/live").status, 204);
}

TEST_F(HttpServerTest, EveryResponseTellsBrowsersToDoNothing) {
  const auto server = Start([](std::string_view) { return false; });
  const std::vector<std::pair<int, RawResponse>> responses = {
      {204, AskOnce(server->port(), "GET", "/live")},
      {401, AskOnce(server->port(), "GET", "/echo")},
      {404, AskOnce(server->port(), "GET", "/none")},
      {405, AskOnce(server->port(), "PUT", "/echo")},
      {400, AskOnce(server->port(), "GET", "/%zz")},
  };
  for (const auto& [status, response] : responses) {
    ASSERT_EQ(response.status, status);
    EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(response.headers.at("cache-control"), "no-store");
    EXPECT_EQ(response.headers.at("referrer-policy"), "no-referrer");
    EXPECT_EQ(response.headers.at("x-frame-options"), "DENY");
    EXPECT_TRUE(response.headers.at("content-security-policy").starts_with("default-src 'none'"));
  }
  EXPECT_EQ(responses[1].second.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(responses[3].second.headers.at("allow"), "GET, HEAD, POST");
}

TEST_F(HttpServerTest, AHandlerMayReplaceAHeader) {
  const auto server = Start();
  RawClient client(server->port());
  const RawResponse response = client.Ask("GET", "/own-policy");
  EXPECT_EQ(response.headers.at("content-security-policy"), "default-src 'self'");
  EXPECT_EQ(response.headers.at("x-frame-options"), "DENY");
}

TEST_F(HttpServerTest, AHeaderThatWouldSplitTheResponseIsNotSent) {
  const auto server = Start();
  const RawResponse response = AskOnce(server->port(), "GET", "/bad-header");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.headers.count("set-cookie"), 0u);
  EXPECT_TRUE(logger_.Contains("header that cannot be sent"));
}

TEST_F(HttpServerTest, TheTokenGuardsAllThatIsNotOpen) {
  const auto server = Start([](std::string_view token) { return token == "s3cret"; });
  const struct {
    const char* headers;
    int status;
  } cases[] = {
      {"", 401},
      {"Authorization: Bearer s3cret\r\n", 200},
      {"authorization: bearer s3cret\r\n", 200},
      {"Authorization: Bearer wrong\r\n", 401},
      {"Authorization: Bearer \r\n", 401},
      {"Authorization: Basic czNjcmV0\r\n", 401},
      {"Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", 401},
      {"Authorization: Bearer wrong\r\nauthorization: Bearer s3cret\r\n", 401},
      {"X-Authorization: Bearer s3cret\r\n", 401},
  };
  for (const auto& c : cases) {
    for (const char* method : {"GET", "HEAD", "POST"}) {
      EXPECT_EQ(AskOnce(server->port(), method, "/echo", c.headers).status, c.status)
          << method << " " << c.headers;
    }
  }
  EXPECT_EQ(AskOnce(server->port(), "GET", "/live").status, 204);
  // No handler sees the token.
  const RawResponse echo =
      AskOnce(server->port(), "GET", "/echo", "Authorization: Bearer s3cret\r\n");
  EXPECT_EQ(echo.body.find("s3cret"), std::string::npos);
}

/// The answer to bytes on a connection of their own.
RawResponse Send(const HttpServer& server, const std::string& bytes) {
  RawClient client(server.port());
  client.Send(bytes);
  return client.Read();
}

TEST_F(HttpServerTest, APageUnderAnotherNameReadsNothing) {
  HttpServerOptions options;
  options.host = "localhost";
  options.allowed_hosts = {"node.example"};
  const auto server = HttpServer::Start(options, SomeRoutes(), {}, nullptr).ValueOrDie();
  const auto ask = [&](const std::string& path, const std::string& headers) {
    return Send(*server, "GET " + path + " HTTP/1.1\r\n" + headers + "\r\n");
  };
  const RawResponse refused = ask("/echo", "Host: evil.example:80\r\n");
  EXPECT_EQ(refused.status, 421);
  EXPECT_EQ(refused.headers.at("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(refused.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(refused.headers.at("cache-control"), "no-store");
  EXPECT_EQ(refused.body.find("evil"), std::string::npos);
  EXPECT_NE(refused.body.find("allowed_hosts of [http]"), std::string::npos);
  EXPECT_EQ(ask("/none", "Host: evil.example\r\n").status, 421);
  EXPECT_EQ(ask("/echo", "Host: NODE.example:80\r\n").status, 200);
  EXPECT_EQ(ask("/echo", "hOST: [::1]\r\n").status, 200);
  EXPECT_EQ(ask("/echo", "Host: localhost\r\nhost: localhost\r\n").status, 400);
  EXPECT_EQ(ask("/echo", "Host:\r\n").status, 400);
  EXPECT_EQ(ask("/echo", "").status, 400);
  EXPECT_EQ(ask("/live", "Host: evil.example\r\n").status, 204);
}

TEST_F(HttpServerTest, TheNameThatIsListenedOnIsAllowed) {
  // The system reads it as 127.0.0.1; here it is a name like any other.
  const std::string name = "127.1";
  const std::string request = "GET /echo HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
  EXPECT_EQ(Send(*Start(), request).status, 421);
  HttpServerOptions options;
  options.host = name;
  const auto server = HttpServer::Start(options, SomeRoutes(), {}, nullptr).ValueOrDie();
  EXPECT_EQ(Send(*server, request).status, 200);
}

TEST_F(HttpServerTest, AnOldClientNeedsNoHost) {
  const auto server = Start();
  EXPECT_EQ(Send(*server, "GET /echo HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_EQ(Send(*server, "GET /echo HTTP/1.0\r\nHost: evil.example\r\n\r\n").status, 421);
  // This one is libmicrohttpd's answer.
  EXPECT_EQ(Send(*server, "GET /echo HTTP/1.2\r\n\r\n").status, 400);
}

TEST_F(HttpServerTest, HeadIsGetWithoutABody) {
  const auto server = Start();
  RawClient client(server->port());
  const RawResponse head = client.Ask("HEAD", "/echo");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"),
            std::to_string(std::string("HEAD /echo\nhost: localhost\n\n").size()));
  // Were there a body, the next response would not be found.
  EXPECT_EQ(client.Ask("GET", "/live").status, 204);
}

TEST_F(HttpServerTest, AHandlerThatThrowsIs500) {
  const auto server = Start();
  RawClient client(server->port());
  const RawResponse response = client.Ask("GET", "/throws");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("inner"), std::string::npos);
  EXPECT_TRUE(logger_.Contains("inner"));
  EXPECT_EQ(client.Ask("GET", "/live").status, 204);
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const auto server = Start();
  RawClient client(server->port());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += "GET /echo?i=" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    requests += "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
  }
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 20; ++i) {
    EXPECT_NE(client.Read().body.find("\ni=" + std::to_string(i) + "\n"), std::string::npos);
    EXPECT_NE(client.Read().body.find("\nabc\n"), std::string::npos);
  }
}

TEST_F(HttpServerTest, StopClosesWhatIsOpen) {
  auto server = Start();
  const int port = server->port();
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(port);
    if (i % 2 == 0) clients.back().Send("GET /echo HTT");
    if (i % 5 == 0) {
      EXPECT_EQ(AskOnce(port, "GET", "/live").status, 204);
    }
  }
  server->Stop();
  for (RawClient& client : clients) EXPECT_TRUE(client.WaitForEnd());
  EXPECT_EQ(AskOnce(port, "GET", "/live").status, 0);
  server->Stop();
  server.reset();
  // The address is free again.
  HttpServerOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  EXPECT_TRUE(HttpServer::Start(options, SomeRoutes(), {}, nullptr).ok());
}

TEST_F(HttpServerTest, AllAddressesOfANameAreServed) {
  HttpServerOptions options;
  options.host = "localhost";
  const auto server = HttpServer::Start(options, SomeRoutes(), {}, nullptr).ValueOrDie();
  EXPECT_EQ(AskOnce(server->port(), "GET", "/live").status, 204);
}

TEST_F(HttpServerTest, AnErrorOfTheStartSaysWhatToDo) {
  const auto first = Start();
  HttpServerOptions options;
  options.host = "127.0.0.1";
  options.port = first->port();
  const auto second = HttpServer::Start(options, {}, {}, nullptr);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(ErrorCodeOf(second.status()), ErrorCode::kAlreadyExists);
  options.port = 0;
  options.max_connections = 0;
  EXPECT_FALSE(HttpServer::Start(options, {}, {}, nullptr).ok());
  options.max_connections = 1;
  options.request_timeout_sec = 0;
  EXPECT_FALSE(HttpServer::Start(options, {}, {}, nullptr).ok());
}

}  // namespace
}  // namespace longbow::http
