#include "http/status_page.h"

#include <algorithm>

#include <openssl/sha.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace longbow::http {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const NodeStatus::Module& module) {
  return {{"name", module.name},
          {"version", module.version},
          {"status", module.status},
          {"reason", module.reason},
          {"since_seconds", module.since_seconds}};
}

Json ToJson(const NodeStatus::Method& method) {
  return {{"name", method.name},
          {"running", method.running},
          {"waiting", method.waiting},
          {"limit", method.limit},
          {"per_second", method.per_second},
          {"p50_ms", method.p50_ms},
          {"p99_ms", method.p99_ms},
          {"errors_total", method.errors_total},
          {"calls_total", method.calls_total},
          {"refused_total", method.refused_total}};
}

Json ToJson(const NodeStatus::Task& task) {
  return {{"id", task.id},
          {"service", task.service},
          {"principal", task.principal},
          {"state", task.state},
          {"why", task.why},
          {"progress", task.progress},
          {"age_seconds", task.age_seconds},
          {"rows", task.rows},
          {"bytes", task.bytes}};
}

Json ToJson(const NodeStatus::Error& error) {
  return {
      {"time", error.time},       {"method", error.method},         {"code", error.code},
      {"message", error.message}, {"request_id", error.request_id}, {"principal", error.principal}};
}

Json ToJson(const NodeStatus::Memory& memory) {
  return {{"rss_bytes", memory.rss_bytes},
          {"high_bytes", memory.high_bytes},
          {"critical_bytes", memory.critical_bytes},
          {"arrow_bytes", memory.arrow_bytes},
          {"results_bytes", memory.results_bytes},
          {"results_limit_bytes", memory.results_limit_bytes}};
}

Json ToJson(const std::optional<NodeStatus::Store>& store) {
  if (!store) return nullptr;
  return {
      {"flights", store->flights}, {"bytes", store->bytes}, {"limit_bytes", store->limit_bytes}};
}

template <typename T>
Json ToJsonArray(const std::vector<T>& items, size_t max_items) {
  Json array = Json::array();
  for (size_t i = 0; i < std::min(items.size(), max_items); ++i) array.push_back(ToJson(items[i]));
  return array;
}

/// The policy's name for an inline element of the page: browsers take the hash of its text.
std::string HashOf(std::string_view page, std::string_view opening, std::string_view closing) {
  const size_t begin = page.find(opening);
  if (begin == std::string_view::npos) return "'none'";
  const std::string_view text =
      page.substr(begin + opening.size(), page.find(closing, begin) - begin - opening.size());
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return "'sha256-" + EncodeBase64({reinterpret_cast<const char*>(digest), SHA256_DIGEST_LENGTH}) +
         "'";
}

}  // namespace

std::string StatusJson(const NodeStatus& status) {
  const size_t all = SIZE_MAX;  // as many as there are modules and methods
  const Json json = {{"node", status.node},
                     {"version", status.version},
                     {"location", status.location},
                     {"state", status.state},
                     {"reason", status.reason},
                     {"uptime_seconds", status.uptime_seconds},
                     {"modules", ToJsonArray(status.modules, all)},
                     {"methods", ToJsonArray(status.methods, all)},
                     {"tasks", ToJsonArray(status.tasks, kMaxStatusTasks)},
                     {"tasks_total", status.tasks_total},
                     {"tasks_running", status.tasks_running},
                     {"tasks_queued", status.tasks_queued},
                     {"tasks_limit", status.tasks_limit},
                     {"queue_limit", status.queue_limit},
                     {"store", ToJson(status.store)},
                     {"memory", ToJson(status.memory)},
                     {"open_connections", status.open_connections},
                     {"connections_limit", status.connections_limit},
                     {"threads", status.threads},
                     {"open_files", status.open_files},
                     {"open_files_limit", status.open_files_limit},
                     {"errors", ToJsonArray(status.errors, kMaxStatusErrors)}};
  return json.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

HttpResponse StatusPageResponse() {
  const std::string_view page = StatusPageHtml();
  HttpResponse response;
  response.content_type = "text/html; charset=utf-8";
  response.body = std::string(page);
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; style-src " + HashOf(page, "<style>", "</style>") + "; script-src " +
          HashOf(page, "<script>", "</script>") +
          "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'");
  return response;
}

}  // namespace longbow::http
