#include "http/status_page.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "http/http_server.h"
#include "http/raw_client.h"

namespace longbow::http {
namespace {

using Json = nlohmann::json;

// Markup, quotes, a zero byte, a direction override, and half a character.
const std::string kHostile =
    std::string("</script><img src=x onerror=alert(1)>\"'\\\n") + '\0' + "\u202e\xc3";

std::string HashOfElement(const std::string& name) {
  const std::string page(StatusPageHtml());
  const size_t begin = page.find("<" + name + ">") + name.size() + 2;
  const size_t end = page.find("</" + name + ">");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(page.data() + begin, end - begin, digest, &size, EVP_sha256(), nullptr);
  return EncodeBase64({reinterpret_cast<const char*>(digest), size});
}

NodeStatus SomeStatus() {
  NodeStatus status;
  status.node = "node-1";
  status.version = "0.1.0";
  status.location = "grpc://[::1]:8815";
  status.state = "SERVING";
  status.uptime_seconds = 12.5;
  status.modules = {{"sql", "1", "DEGRADED", "no disk", 3.5}};
  status.methods = {{"DoGet", 1, 2, 64, 10.5, 0.4, 9.75, 5, 1000, 6}};
  status.tasks = {{"t1", "sql", "alice", "QUEUED", "all workers are busy", 0.25, 2, 10, 2048}};
  status.tasks_total = 1;
  status.tasks_queued = 1;
  status.store = NodeStatus::Store{3, 4096, 8192};
  status.memory = {1, 2, 3, 4, 5, 6};
  status.open_files = 17;
  status.errors = {{"2026-01-01T00:00:00Z", "DoGet", "NOT_FOUND", "no flight", "r1", "bob"}};
  return status;
}

TEST(StatusPageTest, EveryFieldIsWritten) {
  const Json json = Json::parse(StatusJson(SomeStatus()));
  EXPECT_EQ(json["node"], "node-1");
  EXPECT_EQ(json["uptime_seconds"], 12.5);
  EXPECT_EQ(json["modules"][0], Json::parse(R"({"name": "sql", "version": "1",
      "status": "DEGRADED", "reason": "no disk", "since_seconds": 3.5})"));
  EXPECT_EQ(json["methods"][0], Json::parse(R"({"name": "DoGet", "running": 1, "waiting": 2,
      "limit": 64, "per_second": 10.5, "p50_ms": 0.4, "p99_ms": 9.75, "errors_total": 5,
      "calls_total": 1000, "refused_total": 6})"));
  EXPECT_EQ(json["tasks"][0], Json::parse(R"({"id": "t1", "service": "sql", "principal": "alice",
      "state": "QUEUED", "why": "all workers are busy", "progress": 0.25, "age_seconds": 2.0,
      "rows": 10, "bytes": 2048})"));
  EXPECT_EQ(json["store"], Json::parse(R"({"flights": 3, "bytes": 4096, "limit_bytes": 8192})"));
  EXPECT_EQ(json["memory"], Json::parse(R"({"rss_bytes": 1, "high_bytes": 2, "critical_bytes": 3,
      "arrow_bytes": 4, "results_bytes": 5, "results_limit_bytes": 6})"));
  EXPECT_EQ(json["errors"][0], Json::parse(R"({"time": "2026-01-01T00:00:00Z", "method": "DoGet",
      "code": "NOT_FOUND", "message": "no flight", "request_id": "r1", "principal": "bob"})"));
  for (const char* name : {"version", "location", "state", "reason", "tasks_total", "tasks_running",
                           "tasks_queued", "tasks_limit", "queue_limit", "open_connections",
                           "connections_limit", "threads", "open_files", "open_files_limit"}) {
    EXPECT_TRUE(json.contains(name)) << name;
  }
}

TEST(StatusPageTest, HostileTextsAreWrittenAsText) {
  NodeStatus status = SomeStatus();
  status.node = status.reason = kHostile;
  status.tasks[0].why = status.errors[0].message = status.modules[0].name = kHostile;
  const std::string expected = kHostile.substr(0, kHostile.size() - 1) + "\ufffd";
  const Json json = Json::parse(StatusJson(status));
  EXPECT_EQ(json["node"], expected);
  EXPECT_EQ(json["tasks"][0]["why"], expected);
  EXPECT_EQ(json["errors"][0]["message"], expected);
  EXPECT_EQ(json["modules"][0]["name"], expected);
}

TEST(StatusPageTest, WhatIsMissingOrNotFiniteIsNull) {
  NodeStatus status;
  status.uptime_seconds = std::nan("");
  status.methods.emplace_back().p99_ms = std::numeric_limits<double>::infinity();
  const Json json = Json::parse(StatusJson(status));
  EXPECT_TRUE(json["store"].is_null());
  EXPECT_TRUE(json["uptime_seconds"].is_null());
  EXPECT_TRUE(json["methods"][0]["p99_ms"].is_null());
  EXPECT_TRUE(json["tasks"].is_array());
}

TEST(StatusPageTest, ThereIsALimitOfTasksAndErrors) {
  NodeStatus status;
  status.tasks.resize(kMaxStatusTasks + 1);
  status.errors.resize(kMaxStatusErrors + 1);
  const Json json = Json::parse(StatusJson(status));
  EXPECT_EQ(json["tasks"].size(), kMaxStatusTasks);
  EXPECT_EQ(json["errors"].size(), kMaxStatusErrors);
}

TEST(StatusPageTest, ThePageAsksNobodyElse) {
  const std::string page(StatusPageHtml());
  ASSERT_TRUE(page.starts_with("<!DOCTYPE html>"));
  ASSERT_TRUE(page.ends_with("</html>\n"));
  for (const char* forbidden :
       {"http://", "https://", "src=", "@import", "url(", "innerHTML", "outerHTML",
        "insertAdjacentHTML", "document.write", "eval(", "style=\"", "onclick", "localStorage"}) {
    EXPECT_EQ(page.find(forbidden), std::string::npos) << forbidden;
  }
  // The policy has one hash each.
  EXPECT_EQ(page.find("<style", page.find("<style>") + 1), std::string::npos);
  EXPECT_EQ(page.find("<script", page.find("<script>") + 1), std::string::npos);
}

TEST(StatusPageTest, ThePolicyLetsThePageWorkAndNothingElse) {
  HttpServerOptions options;
  options.host = "127.0.0.1";
  const auto server =
      HttpServer::Start(
          options, {{"GET", "/", [](const HttpRequest&) { return StatusPageResponse(); }, true}},
          [](std::string_view) { return false; }, nullptr)
          .ValueOrDie();
  const RawResponse response = AskOnce(server->port(), "GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, StatusPageHtml());
  EXPECT_EQ(response.headers.at("content-type"), "text/html; charset=utf-8");
  const std::string policy = response.headers.at("content-security-policy");
  for (const char* part : {"default-src 'none'", "style-src 'sha256-", "script-src 'sha256-",
                           "connect-src 'self'", "frame-ancestors 'none'"}) {
    EXPECT_NE(policy.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  // A browser takes the hash of what is between the tags, and runs nothing else.
  for (const std::string element : {"style", "script"}) {
    EXPECT_NE(policy.find(element + "-src 'sha256-" + HashOfElement(element) + "'"),
              std::string::npos)
        << element;
  }
}

}  // namespace
}  // namespace longbow::http
