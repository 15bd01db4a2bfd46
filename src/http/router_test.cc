#include "http/router.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <longbow/testing/recording_logger.h>

namespace longbow::http {
namespace {

HttpHandler Says(const std::string& text) {
  return [text](const HttpRequest&) { return TextResponse(200, text); };
}

std::vector<HttpRoute> SomeRoutes() {
  return {{"GET", "/", Says("page"), /*open=*/true},
          {"GET", "/live", Says("live"), /*open=*/true, /*any_host=*/true},
          {"GET", "/metrics", Says("metrics")},
          {"POST", "/log-level", Says("set")},
          {"GET", "/log-level", Says("level")}};
}

bool IsSecret(std::string_view token) { return token == "s3cret"; }

int StatusOf(const Router& router, std::string_view method, std::string_view path,
             std::vector<std::string> authorization = {}) {
  const Routing routing = router.Route({method, path, std::move(authorization), {}});
  return routing.route != nullptr ? 200 : routing.refusal.status;
}

std::string HeaderOf(const HttpResponse& response, std::string_view name) {
  for (const auto& [own, value] : response.headers) {
    if (own == name) return value;
  }
  return "";
}

TEST(RouterTest, AnUnknownPathIsToldWhatThereIs) {
  const Router router(SomeRoutes(), HostNames(), {}, nullptr);
  const Routing routing = router.Route({"GET", "/<script>", {}, {}});
  ASSERT_EQ(routing.route, nullptr);
  EXPECT_EQ(routing.refusal.status, 404);
  EXPECT_NE(routing.refusal.body.find("GET /metrics\n"), std::string::npos);
  EXPECT_NE(routing.refusal.body.find("POST /log-level\n"), std::string::npos);
  EXPECT_EQ(routing.refusal.body.find("script"), std::string::npos);
  EXPECT_EQ(StatusOf(router, "GET", std::string_view("/live\0", 6)), 404);
  EXPECT_EQ(StatusOf(router, "GET", "/live/"), 404);
}

TEST(RouterTest, AnotherMethodIsToldWhichOnesThereAre) {
  const Router router(SomeRoutes(), HostNames(), {}, nullptr);
  for (const char* method : {"DELETE", "OPTIONS", "get", "TRACE"}) {
    const Routing routing = router.Route({method, "/log-level", {}, {}});
    ASSERT_EQ(routing.route, nullptr) << method;
    EXPECT_EQ(routing.refusal.status, 405) << method;
    EXPECT_EQ(HeaderOf(routing.refusal, "Allow"), "POST, GET, HEAD");
  }
  EXPECT_EQ(StatusOf(router, "HEAD", "/live"), 200);
  EXPECT_EQ(router.Route({"POST", "/log-level", {}, {}}).route->method, "POST");
  EXPECT_EQ(router.Route({"HEAD", "/log-level", {}, {}}).route->method, "GET");
}

TEST(RouterTest, TheTokenIsAskedForOnceAndExactly) {
  const Router router(SomeRoutes(), HostNames(), IsSecret, nullptr);
  for (const char* good : {"Bearer s3cret", "bearer s3cret", "BEARER   s3cret  "}) {
    EXPECT_EQ(StatusOf(router, "GET", "/metrics", {good}), 200) << good;
  }
  for (const char* bad : {"", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret", "s3cret",
                          "Bearers3cret", "Bearer s3cret s3cret", "Bearer s3cre"}) {
    EXPECT_EQ(StatusOf(router, "GET", "/metrics", {bad}), 401) << bad;
  }
  EXPECT_EQ(StatusOf(router, "GET", "/metrics"), 401);
  EXPECT_EQ(StatusOf(router, "GET", "/metrics", {"Bearer s3cret", "Bearer s3cret"}), 401);
  EXPECT_EQ(StatusOf(router, "GET", "/metrics", {"Bearer s3cret", "Bearer wrong"}), 401);
  EXPECT_EQ(StatusOf(router, "GET", "/live"), 200);
  EXPECT_EQ(StatusOf(router, "GET", "/live", {"Bearer wrong"}), 200);
  EXPECT_EQ(HeaderOf(router.Route({"GET", "/metrics", {}, {}}).refusal, "WWW-Authenticate"),
            "Bearer");
}

TEST(RouterTest, AnotherHostIsToldNothing) {
  const Router router(SomeRoutes(), HostNames({"node.example"}), IsSecret, nullptr);
  const auto ask = [&router](std::string_view method, std::string_view path,
                             std::vector<std::string> host) {
    return router.Route({method, path, {"Bearer s3cret"}, std::move(host)});
  };
  for (const char* path : {"/", "/metrics", "/none"}) {
    for (const char* method : {"GET", "HEAD", "DELETE"}) {
      const Routing routing = ask(method, path, {"evil.example:17002"});
      ASSERT_EQ(routing.route, nullptr) << method << path;
      EXPECT_EQ(routing.refusal.status, 421) << method << path;
      EXPECT_NE(routing.refusal.body.find("allowed_hosts of [http]"), std::string::npos);
      EXPECT_EQ(routing.refusal.body.find("evil"), std::string::npos);
    }
  }
  const std::vector<std::vector<std::string>> malformed = {
      {""}, {"a b"}, {"localhost", "localhost"}, {"localhost", "evil.example"}};
  for (const auto& host : malformed) {
    EXPECT_EQ(ask("GET", "/", host).refusal.status, 400) << host.front();
  }
  const std::vector<std::vector<std::string>> good = {
      {}, {"localhost:17002"}, {"127.0.0.1"}, {"[::1]:1"}, {"NODE.example.:80"}};
  for (const auto& host : good) EXPECT_NE(ask("GET", "/metrics", host).route, nullptr);
}

TEST(RouterTest, SomeRoutesAnswerToAnyHost) {
  const Router router(SomeRoutes(), HostNames(), IsSecret, nullptr);
  const std::vector<std::vector<std::string>> hosts = {
      {"balancer.example"}, {""}, {"a b"}, {"a", "b"}};
  for (const auto& host : hosts) {
    EXPECT_NE(router.Route({"GET", "/live", {}, host}).route, nullptr) << host.front();
    EXPECT_NE(router.Route({"HEAD", "/live", {}, host}).route, nullptr) << host.front();
  }
}

TEST(RouterTest, AHandlerThatThrowsIsToldOfInTheLogOnly) {
  longbow::testing::RecordingLogger logger;
  const Router router(
      {{"GET", "/a", [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("inner"); }},
       {"GET", "/b", [](const HttpRequest&) -> HttpResponse { throw 42; }}},
      HostNames(), {}, &logger);
  for (const char* path : {"/a", "/b"}) {
    const HttpResponse response = router.Run(*router.Route({"GET", path, {}, {}}).route, {});
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.find("inner"), std::string::npos);
    EXPECT_TRUE(logger.Contains(path));
  }
  EXPECT_TRUE(logger.Contains("inner"));
}

TEST(RouterTest, ACheckThatThrowsLetsNobodyIn) {
  longbow::testing::RecordingLogger logger;
  const Router router(
      SomeRoutes(), HostNames(),
      [](std::string_view) -> bool { throw std::runtime_error("broken"); }, &logger);
  EXPECT_EQ(StatusOf(router, "GET", "/metrics", {"Bearer s3cret"}), 500);
  EXPECT_TRUE(logger.Contains("broken"));
  EXPECT_FALSE(logger.Contains("s3cret"));
}

}  // namespace
}  // namespace longbow::http
