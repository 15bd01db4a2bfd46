#include "server/node_options.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <longbow/error.h>

#include "config/problem.h"
#include "telemetry/logger.h"

namespace longbow::server {
namespace {

using config::Problem;

constexpr char kSection[] = "server";
// For actions, puts and lists while tasks have all the other threads.
constexpr int kSpareThreads = 4;
constexpr int64_t kMaxPemBytes = int64_t{1} << 20;

int GetSmallInt(const Settings& settings, std::string_view name) {
  // The bounds of these settings lie within an int.
  return static_cast<int>(settings.GetInt(kSection, name));
}

// The PEM text of a setting; reports what is wrong with it, and never its value.
std::string ReadPem(const Settings& settings, const std::string& name,
                    std::vector<Problem>* problems) {
  std::string text = settings.GetString(kSection, name);
  const std::string setting = "server." + name;
  if (!text.empty() && text.front() == '@') {
    const std::string path = text.substr(1);
    struct stat info = {};
    std::ifstream file;
    if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) file.open(path, std::ios::binary);
    if (!file.is_open()) {
      const char* why = S_ISDIR(info.st_mode) ? "it is a folder" : std::strerror(errno);
      problems->push_back(
          {"", setting + " names the file " + path + ", which cannot be read: " + why});
      return {};
    }
    if (info.st_size > kMaxPemBytes) {
      problems->push_back(
          {"", setting + " names the file " + path + ", which is larger than 1 MiB"});
      return {};
    }
    std::ostringstream content;
    content << file.rdbuf();
    text = content.str();
  }
  if (!text.empty() && text.find("-----BEGIN ") == std::string::npos) {
    problems->push_back({"", setting +
                                 " is not PEM; it must be a text with \"-----BEGIN\", or @ and "
                                 "the path of a file with one"});
    return {};
  }
  return text;
}

void ReadTls(const Settings& settings, NodeOptions* options, std::vector<Problem>* problems) {
  const bool use_mtls = settings.GetBool(kSection, "use_mtls");
  if (!settings.GetBool(kSection, "use_tls")) {
    if (use_mtls) problems->push_back({"", "server.use_mtls needs server.use_tls = true"});
    return;
  }
  const size_t problems_before = problems->size();
  transport::TlsOptions tls;
  tls.certificate_pem = ReadPem(settings, "tls_certificate", problems);
  tls.private_key_pem = ReadPem(settings, "tls_private_key", problems);
  if (use_mtls) tls.client_root_pem = ReadPem(settings, "tls_root_certificate", problems);
  if (problems->size() == problems_before) {
    if (tls.certificate_pem.empty() || tls.private_key_pem.empty()) {
      problems->push_back(
          {"", "server.use_tls needs server.tls_certificate and server.tls_private_key"});
    }
    if (use_mtls && tls.client_root_pem.empty()) {
      problems->push_back({"", "server.use_mtls needs server.tls_root_certificate"});
    }
  }
  options->transport.tls = std::move(tls);
}

bool IsWildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host == "[::]";
}

std::string WithBrackets(const std::string& host) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return bare_ipv6 ? "[" + host + "]" : host;
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
  if (options->advertise_host.empty() && !options->listen_host.empty()) {
    options->advertise_host =
        IsWildcard(options->listen_host) ? MachineName() : options->listen_host;
  }
}

void ReadTransport(const Settings& settings, transport::ServerOptions* options) {
  options->max_message_bytes = settings.GetInt(kSection, "max_message_bytes");
  options->memory_quota_bytes = settings.GetInt(kSection, "grpc_memory_bytes");
  options->max_threads = GetSmallInt(settings, "grpc_threads");
  options->max_connections = GetSmallInt(settings, "max_connections");
  options->max_concurrent_streams = GetSmallInt(settings, "max_concurrent_streams");
  options->max_connection_age_sec = GetSmallInt(settings, "max_connection_age_sec");
  options->max_connection_idle_sec = GetSmallInt(settings, "max_connection_idle_sec");
  options->keepalive_time_sec = GetSmallInt(settings, "keepalive_time_sec");
  options->keepalive_timeout_sec = GetSmallInt(settings, "keepalive_timeout_sec");
  options->max_metadata_bytes = GetSmallInt(settings, "max_metadata_bytes");
}

void ReadTasks(const Settings& settings, TaskLimits* limits) {
  limits->threads = GetSmallInt(settings, "task_threads");
  limits->spare_threads = kSpareThreads;
  limits->queue_length = GetSmallInt(settings, "task_queue_length");
  limits->max_tasks = GetSmallInt(settings, "task_max_count");
  limits->buffer_bytes = settings.GetInt(kSection, "task_buffer_bytes");
  limits->repeatable_bytes = settings.GetInt(kSection, "task_repeatable_bytes");
  limits->result_ttl_sec = GetSmallInt(settings, "task_result_ttl_sec");
}

void ReadDispatcher(const Settings& settings, flight::DispatcherOptions* options) {
  options->max_wait_sec = GetSmallInt(settings, "max_wait_sec");
  options->sync_timeout_sec = GetSmallInt(settings, "sync_timeout_sec");
  options->max_open_calls = GetSmallInt(settings, "max_open_calls");
  options->max_exchanges = GetSmallInt(settings, "max_exchanges");
  options->exchange_idle_sec = GetSmallInt(settings, "exchange_idle_sec");
  options->cache_ttl_sec = settings.GetInt(kSection, "cache_ttl_sec");
  options->exchange_buffer_bytes = settings.GetInt(kSection, "exchange_buffer_bytes");
  options->command_limits.max_bytes = settings.GetInt(kSection, "max_command_bytes");
  options->command_limits.max_depth = GetSmallInt(settings, "max_command_depth");
}

}  // namespace

arrow::Result<NodeOptions> MakeNodeOptions(const Settings& settings) {
  NodeOptions options;
  std::vector<Problem> problems;
  options.node_id = settings.GetString(kSection, "node_id");
  ReadAddresses(settings, &options, &problems);
  ReadTls(settings, &options, &problems);
  ReadTransport(settings, &options.transport);
  ReadTasks(settings, &options.tasks);
  ReadDispatcher(settings, &options.dispatcher);
  options.log_level = telemetry::ParseLogLevel(settings.GetString(kSection, "log_level"));
  options.malloc_trim_interval =
      std::chrono::seconds(settings.GetInt(kSection, "malloc_trim_interval_sec"));
  options.shutdown_grace = std::chrono::milliseconds(
      static_cast<int64_t>(settings.Get(kSection, "shutdown_grace_sec").as_double() * 1000));
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  return options;
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
