#include "server/node_options.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <longbow/error.h>

#include "access/token_authenticator.h"
#include "config/check.h"
#include "config/problem.h"
#include "http/host_names.h"
#include "server/access_policy.h"
#include "server/trace_settings.h"
#include "telemetry/logger.h"

namespace longbow::server {
namespace {

using config::Problem;

constexpr char kSection[] = "server";
// For actions, puts and lists while tasks have all the other threads.
constexpr int kSpareThreads = 4;

int GetSmallInt(const Settings& settings, std::string_view name) {
  // The bounds of these settings lie within an int.
  return static_cast<int>(settings.GetInt(kSection, name));
}

// The PEM text of a setting; reports what is wrong with it, and never its value.
std::string ReadPem(const Settings& settings, const std::string& name,
                    std::vector<Problem>* problems) {
  std::string text = settings.GetString(kSection, name);
  if (!text.empty() && text.find("-----BEGIN ") == std::string::npos) {
    problems->push_back({"", "server." + name +
                                 " is not PEM; it must be a text with \"-----BEGIN\", or @ and "
                                 "the path of a file with one"});
    return {};
  }
  return text;
}

std::optional<transport::TlsOptions> ReadTls(const Settings& settings,
                                             std::vector<Problem>* problems) {
  const bool use_mtls = settings.GetBool(kSection, "use_mtls");
  if (!settings.GetBool(kSection, "use_tls")) {
    if (use_mtls) problems->push_back({"", "server.use_mtls needs server.use_tls = true"});
    return std::nullopt;
  }
  const size_t problems_before = problems->size();
  const auto read = [&](const char* name) { return ReadPem(settings, name, problems); };
  transport::TlsOptions tls;
  tls.certificate_pem = read("tls_certificate");
  tls.private_key_pem = read("tls_private_key");
  if (use_mtls) tls.client_root_pem = read("tls_root_certificate");
  if (problems->size() == problems_before) {
    if (tls.certificate_pem.empty() || tls.private_key_pem.empty()) {
      problems->push_back(
          {"", "server.use_tls needs server.tls_certificate and server.tls_private_key"});
    }
    if (use_mtls && tls.client_root_pem.empty()) {
      problems->push_back({"", "server.use_mtls needs server.tls_root_certificate"});
    }
  }
  return tls;
}

// Whether only this machine can reach it. A name may lead anywhere, whatever it begins with.
bool IsLoopback(const std::string& host) {
  constexpr uint32_t kNet = 127;
  // inet_pton() would stop at a zero byte.
  if (host.find('\0') != std::string::npos) return false;
  in_addr four = {};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == kNet;
  const bool has_brackets = host.starts_with('[') && host.ends_with(']');
  const std::string bare = has_brackets ? host.substr(1, host.size() - 2) : host;
  in6_addr six = {};
  if (inet_pton(AF_INET6, bare.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return host == "localhost";
}

std::string MachineName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != 0 ? name : "localhost";
}

void ReadAddresses(const Settings& settings, NodeOptions* options, std::vector<Problem>* problems) {
  options->listen_host = settings.GetString(kSection, "listen_host");
  options->listen_port = GetSmallInt(settings, "listen_port");
  options->unix_socket = settings.GetString(kSection, "listen_unix_socket");
  options->advertise_host = settings.GetString(kSection, "advertise_host");
  const Value& port = settings.Get(kSection, "advertise_port");
  options->advertise_port = port.is_null() ? 0 : static_cast<int>(port.as_int());

  if (!options->listen_host.empty()) {
    options->transport.addresses.push_back(WithBrackets(options->listen_host) + ":" +
                                           std::to_string(options->listen_port));
  }
  if (!options->unix_socket.empty()) {
    if (options->unix_socket.front() != '/') {
      problems->push_back({"", "server.listen_unix_socket must be a whole path, from / on"});
    }
    options->transport.addresses.push_back("unix:" + options->unix_socket);
  }
  if (options->transport.addresses.empty()) {
    problems->push_back({"",
                         "the server would listen nowhere; set server.listen_host or "
                         "server.listen_unix_socket"});
  }
  const bool in_the_open = !options->listen_host.empty() && !IsLoopback(options->listen_host) &&
                           !settings.GetBool(kSection, "use_tls");
  if (in_the_open && !settings.GetBool(kSection, "allow_plaintext")) {
    problems->push_back(
        {"",
         "server.listen_host is " + options->listen_host +
             ", which others can reach, and there is no TLS: what callers send could be read on "
             "the way; set use_tls with a certificate and a key, or allow_plaintext = true if "
             "this is meant"});
  }
  if (options->advertise_host.empty() && !options->listen_host.empty()) {
    options->advertise_host =
        IsWildcard(options->listen_host) ? MachineName() : options->listen_host;
  }
}

void ReadTransport(const Settings& settings, transport::ServerOptions* options) {
  options->max_message_bytes = settings.GetInt(kSection, "max_message_bytes");
  options->max_threads = GetSmallInt(settings, "grpc_threads");
  options->max_connections = GetSmallInt(settings, "max_connections");
  options->max_concurrent_streams = GetSmallInt(settings, "max_concurrent_streams");
  options->max_connection_age_sec = GetSmallInt(settings, "max_connection_age_sec");
  options->max_connection_idle_sec = GetSmallInt(settings, "max_connection_idle_sec");
  options->keepalive_time_sec = GetSmallInt(settings, "keepalive_time_sec");
  options->keepalive_timeout_sec = GetSmallInt(settings, "keepalive_timeout_sec");
  options->request_timeout = std::chrono::seconds(settings.GetInt(kSection, "request_timeout_sec"));
  options->max_metadata_bytes = GetSmallInt(settings, "max_metadata_bytes");
}

// A limit for one caller: what is set, or else so much of what all may have together.
int ShareOf(const Settings& settings, const char* name, int all, double share) {
  const Value& set = settings.Get(kSection, name);
  if (!set.is_null()) return std::min(static_cast<int>(set.as_int()), all);
  if (!CallersHaveNames(settings)) return all;
  return std::max(1, static_cast<int>(share * all));
}

void ReadTasks(const Settings& settings, TaskLimits* limits) {
  limits->threads = GetSmallInt(settings, "task_threads");
  limits->spare_threads = kSpareThreads;
  limits->queue_length = GetSmallInt(settings, "task_queue_length");
  limits->threads_per_principal =
      ShareOf(settings, "task_threads_per_principal", limits->threads, 0.75);
  limits->queue_per_principal =
      ShareOf(settings, "task_queue_per_principal", limits->queue_length, 0.5);
  // Until it is known who calls, all are one caller.
  limits->unknown_threads = std::max(1, limits->threads / 2);
  limits->unknown_queue = std::max(1, limits->queue_length / 2);
  limits->waiting_bytes = settings.GetInt(kSection, "task_waiting_bytes");
  limits->max_tasks = GetSmallInt(settings, "task_max_count");
  limits->buffer_bytes = settings.GetInt(kSection, "task_buffer_bytes");
  limits->repeatable_bytes = settings.GetInt(kSection, "task_repeatable_bytes");
  limits->result_ttl_sec = GetSmallInt(settings, "task_result_ttl_sec");
}

void ReadDispatcher(const Settings& settings, flight::DispatcherOptions* options) {
  options->max_wait_sec = GetSmallInt(settings, "max_wait_sec");
  options->sync_timeout_sec = GetSmallInt(settings, "sync_timeout_sec");
  options->max_open_calls = GetSmallInt(settings, "max_open_calls");
  options->admission.running = {
      GetSmallInt(settings, "max_running_info"), GetSmallInt(settings, "max_running_get"),
      GetSmallInt(settings, "max_running_put"), GetSmallInt(settings, "max_running_exchange"),
      GetSmallInt(settings, "max_running_action")};
  options->admission.waiting = GetSmallInt(settings, "max_waiting_calls");
  options->admission.max_wait =
      std::chrono::milliseconds(settings.GetInt(kSection, "max_call_wait_ms"));
  options->exchange_idle_sec = GetSmallInt(settings, "exchange_idle_sec");
  options->put_idle_sec = GetSmallInt(settings, "put_idle_sec");
  options->cache_ttl_sec = settings.GetInt(kSection, "cache_ttl_sec");
  options->exchange_buffer_bytes = settings.GetInt(kSection, "exchange_buffer_bytes");
  options->max_message_bytes = settings.GetInt(kSection, "max_message_bytes");
  options->command_limits.max_bytes = settings.GetInt(kSection, "max_command_bytes");
  options->command_limits.max_depth = GetSmallInt(settings, "max_command_depth");
}

void ReadMemory(const Settings& settings, int64_t available_bytes, MemoryMarks* marks,
                std::vector<Problem>* problems) {
  const auto mark = [&](const char* name, double share) {
    const Value& set = settings.Get(kSection, name);
    return set.is_null() ? static_cast<int64_t>(share * static_cast<double>(available_bytes))
                         : set.as_int();
  };
  marks->high_bytes = mark("memory_high_bytes", 0.8);
  marks->critical_bytes = std::max(mark("memory_critical_bytes", 0.9), marks->high_bytes);
  const Value& critical = settings.Get(kSection, "memory_critical_bytes");
  if (!critical.is_null() && critical.as_int() < marks->high_bytes) {
    problems->push_back(
        {"", "server.memory_critical_bytes is below server.memory_high_bytes; it must be above"});
  }
}

// The names by which the endpoint may be asked: those of the settings, and the node's own.
std::vector<std::string> ReadAllowedHosts(const Settings& settings,
                                          const std::string& advertise_host,
                                          std::vector<Problem>* problems) {
  std::vector<std::string> hosts = config::ToStrings(settings.Get("http", "allowed_hosts"));
  for (const std::string& host : hosts) {
    if (host == http::kAnyHost || http::IsHostName(host)) continue;
    problems->push_back({"", "http.allowed_hosts has '" + host +
                                 "'; it must be a host's name without a port, or * for any; "
                                 "addresses are allowed anyway"});
  }
  for (const std::string& own : {MachineName(), advertise_host}) {
    // Nothing but the setting itself may allow any.
    if (http::IsHostName(own)) hosts.push_back(own);
  }
  return hosts;
}

void ReadHttp(const Settings& settings, NodeOptions* options, std::vector<Problem>* problems) {
  const Value& port = settings.Get("http", "port");
  if (port.is_null()) return;
  http::HttpServerOptions http;
  http.host = settings.GetString("http", "host");
  http.port = static_cast<int>(port.as_int());
  http.allowed_hosts = ReadAllowedHosts(settings, options->advertise_host, problems);
  http.max_connections = static_cast<int>(settings.GetInt("http", "max_connections"));
  http.request_timeout_sec = static_cast<int>(settings.GetInt("http", "request_timeout_sec"));
  auto token = MakeHttpToken(settings);
  if (!token.ok()) {
    problems->push_back({"", token.status().message()});
  } else if (token->empty() && !IsLoopback(http.host)) {
    options->warnings.push_back(
        "http.host is '" + http.host +
        "', which others can reach, and there is no http.token: they can read metrics, paths and "
        "the names of callers; set http.token, or let nobody reach it who may not know that");
  }
  options->http_token = std::move(token).ValueOr("");
  options->http = std::move(http);
}

void ReadLog(const Settings& settings, NodeOptions* options, std::vector<Problem>* problems) {
  telemetry::LogOptions& log = options->log;
  log.level = telemetry::ParseLogLevel(settings.GetString("log", "level"));
  log.for_people = settings.GetString("log", "format") == "text";
  log.file = settings.GetString("log", "file");
  log.keys.time = settings.GetString("log", "time_key");
  log.keys.level = settings.GetString("log", "level_key");
  log.keys.message = settings.GetString("log", "message_key");
  log.keys.trace = settings.GetString("log", "trace_key");
  log.max_repeats = static_cast<int>(settings.GetInt("log", "max_repeats"));
  auto levels = MakeComponentLevels(settings);
  if (levels.ok()) {
    log.component_levels = *std::move(levels);
  } else {
    problems->push_back({"", levels.status().message()});
  }
  options->call_lines = ParseCallLines(settings.GetString("log", "calls"));
  options->slow_call = std::chrono::milliseconds(settings.GetInt("log", "slow_call_ms"));
}

void ReadProcess(const Settings& settings, NodeOptions* options) {
  options->malloc_trim_interval =
      std::chrono::seconds(settings.GetInt(kSection, "malloc_trim_interval_sec"));
  options->shutdown_grace = std::chrono::milliseconds(
      static_cast<int64_t>(settings.Get(kSection, "shutdown_grace_sec").as_double() * 1000));
  options->module_start_timeout =
      std::chrono::seconds(settings.GetInt(kSection, "module_start_timeout_sec"));
}

}  // namespace

bool IsWildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host == "[::]";
}

std::string WithBrackets(const std::string& host) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return bare_ipv6 ? "[" + host + "]" : host;
}

arrow::Result<NodeOptions> MakeNodeOptions(const Settings& settings, const OptionSources& sources) {
  NodeOptions options;
  std::vector<Problem> problems;
  options.node_id = settings.GetString(kSection, "node_id");
  ReadAddresses(settings, &options, &problems);
  options.transport.tls = ReadTls(settings, &problems);
  ReadTransport(settings, &options.transport);
  ReadTasks(settings, &options.tasks);
  ReadDispatcher(settings, &options.dispatcher);
  ReadMemory(settings, sources.available_memory_bytes, &options.memory, &problems);
  const Value& grpc_memory = settings.Get(kSection, "grpc_memory_bytes");
  options.transport.memory_quota_bytes =
      grpc_memory.is_null() ? options.memory.high_bytes / 2 : grpc_memory.as_int();
  ReadHttp(settings, &options, &problems);
  ReadLog(settings, &options, &problems);
  ReadProcess(settings, &options);
  options.trace = MakeTracerOptions(settings, sources.environment, &options.warnings, &problems);
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  return options;
}

arrow::Result<std::optional<transport::TlsOptions>> MakeTlsOptions(const Settings& settings) {
  std::vector<Problem> problems;
  auto tls = ReadTls(settings, &problems);
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  return tls;
}

arrow::Result<std::string> MakeHttpToken(const Settings& settings) {
  const Value& token = settings.Get("http", "token");
  if (token.is_null()) return std::string();
  constexpr size_t kMinBytes = access::TokenAuthenticator::kMinTokenBytes;
  if (token.as_string().size() < kMinBytes) {
    return MakeError(ErrorCode::kBadArgument,
                     "http.token is shorter than " + std::to_string(kMinBytes) +
                         " characters: make one with 'openssl rand -hex 32', or leave it out");
  }
  return token.as_string();
}

arrow::Result<telemetry::ComponentLevels> MakeComponentLevels(const Settings& settings) {
  telemetry::ComponentLevels levels;
  for (const Value& item : settings.Get("log", "levels").as_list()) {
    const std::string& text = item.as_string();
    const size_t equals = text.find('=');
    const std::string level = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (level != "debug" && level != "info" && level != "warning" && level != "error") {
      return MakeError(ErrorCode::kBadArgument,
                       "log.levels has '" + text +
                           "'; it must be the name of a component, =, and debug, info, warning or "
                           "error");
    }
    levels[text.substr(0, equals)] = telemetry::ParseLogLevel(level);
  }
  return levels;
}

std::string UriOf(const NodeOptions& options, const std::string& host, int port) {
  if (host.empty()) return "grpc+unix://" + options.unix_socket;
  return (options.transport.tls ? "grpc+tls://" : "grpc://") + WithBrackets(host) + ":" +
         std::to_string(port);
}

std::string AdvertisedUri(const NodeOptions& options, int bound_port) {
  return UriOf(options, options.advertise_host,
               options.advertise_port != 0 ? options.advertise_port : bound_port);
}

}  // namespace longbow::server
