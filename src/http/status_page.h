/// \file
/// The status page: one page of HTML for operators, and the JSON that it asks for every 2 s.
///
/// `status.json` is an object with the fields of `NodeStatus` under the same names; `store` is null
/// where there is none. The page counts the node as ready where its state is SERVING and no module
/// is DOWN. The page has no data of its own, so its route can be open where a token is needed: it
/// asks for the token and sends it with `status.json`. All functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http_message.h"

namespace longbow::http {

/// What there is to show. Numbers that are no limit are 0 where they are not known.
struct NodeStatus {
  struct Module {
    std::string name;
    std::string version;
    std::string status;        ///< OK, DEGRADED, DOWN, STARTING or STOPPED
    std::string reason;        ///< may be empty
    double since_seconds = 0;  ///< for how long it has had this status
  };
  /// An RPC method.
  struct Method {
    std::string name;
    int64_t running = 0;
    int64_t waiting = 0;
    int64_t limit = 0;      ///< of those that run; 0: none
    double per_second = 0;  ///< calls that ended, lately
    double p50_ms = 0;
    double p99_ms = 0;
    int64_t errors_total = 0;
    int64_t calls_total = 0;
    int64_t refused_total = 0;
  };
  struct Task {
    std::string id;
    std::string service;
    std::string principal;
    std::string state;
    std::string why;      ///< why it waits; may be empty
    double progress = 0;  ///< 0 to 1; below 0: not known
    double age_seconds = 0;
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  struct Store {
    int64_t flights = 0;
    int64_t bytes = 0;
    int64_t limit_bytes = 0;  ///< 0: none
  };
  struct Memory {
    int64_t rss_bytes = 0;
    int64_t high_bytes = 0;      ///< above it new work is refused; 0: no mark
    int64_t critical_bytes = 0;  ///< above it results are dropped; 0: no mark
    int64_t arrow_bytes = 0;
    int64_t results_bytes = 0;
    int64_t results_limit_bytes = 0;  ///< 0: none
  };
  struct Error {
    std::string time;  ///< RFC 3339
    std::string method;
    std::string code;
    std::string message;
    std::string request_id;
    std::string principal;
  };

  std::string node;
  std::string version;
  std::string location;
  std::string state;   ///< STARTING, SERVING or STOPPING
  std::string reason;  ///< may be empty
  double uptime_seconds = 0;
  std::vector<Module> modules;
  std::vector<Method> methods;
  std::vector<Task> tasks;  ///< the first kMaxStatusTasks are shown
  int64_t tasks_total = 0;
  int64_t tasks_running = 0;
  int64_t tasks_queued = 0;
  int64_t tasks_limit = 0;  ///< of those that run
  int64_t queue_limit = 0;
  std::optional<Store> store;
  Memory memory;
  int64_t open_connections = 0;
  int64_t connections_limit = 0;
  int64_t threads = 0;
  int64_t open_files = 0;
  int64_t open_files_limit = 0;
  std::vector<Error> errors;  ///< newest first; the first kMaxStatusErrors are shown
};

inline constexpr size_t kMaxStatusTasks = 100;
inline constexpr size_t kMaxStatusErrors = 50;

/// What the page asks for. Ill-formed UTF-8 becomes U+FFFD, a number that is not finite null.
std::string StatusJson(const NodeStatus& status);

/// The page. It asks for `status.json` beside itself, and links to `health` and `metrics` there.
std::string_view StatusPageHtml();

/// The page with the content security policy that lets its own style and script work, by their
/// hashes, and nothing else.
HttpResponse StatusPageResponse();

}  // namespace longbow::http
