#include "config/core_sections.h"

#include <utility>

namespace longbow::config {
namespace {

constexpr double kKiB = 1024;
constexpr double kMiB = 1024 * kKiB;
constexpr double kGiB = 1024 * kMiB;
constexpr double kTiB = 1024 * kGiB;

SettingSpec Text(std::string name, Value default_value, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kString,
          .default_value = std::move(default_value),
          .summary = std::move(summary)};
}

SettingSpec Flag(std::string name, bool default_value, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kBool,
          .default_value = default_value,
          .summary = std::move(summary)};
}

struct Range {
  double min;
  double max;
};

SettingSpec Count(std::string name, int64_t default_value, Range range, std::string summary) {
  return {.name = std::move(name),
          .type = SettingType::kInt,
          .default_value = default_value,
          .summary = std::move(summary),
          .min = range.min,
          .max = range.max};
}

SettingSpec Seconds(std::string name, int64_t default_value, Range range, std::string summary) {
  SettingSpec spec = Count(std::move(name), default_value, range, std::move(summary));
  spec.unit = "s";
  return spec;
}

SettingSpec Size(std::string name, double default_value, Range range, std::string summary) {
  SettingSpec spec =
      Count(std::move(name), static_cast<int64_t>(default_value), range, std::move(summary));
  spec.type = SettingType::kBytes;
  spec.unit = "bytes";
  return spec;
}

void AddAddresses(std::vector<SettingSpec>* to) {
  to->push_back(
      Text("listen_host", "127.0.0.1",
           "Name or address to listen on; 0.0.0.0 or :: for all of the machine, empty for no "
           "TCP at all."));
  to->push_back(Count("listen_port", 17001, {0, 65535},
                      "TCP port to listen on; 0 takes a free one, which the log tells."));
  to->push_back(
      Text("listen_unix_socket", nullptr,
           "Path of a Unix socket to listen on as well, for clients on the same machine."));
  to->push_back(Text("advertise_host", nullptr,
                     "Name by which clients reach this node, as told in endpoints; not set: "
                     "listen_host, or the machine's name where that stands for all addresses."));
  SettingSpec port = Count("advertise_port", 0, {1, 65535},
                           "Port by which clients reach this node; not set: listen_port.");
  port.default_value = nullptr;
  to->push_back(std::move(port));
  to->push_back(
      Text("node_id", nullptr,
           "Name of this node in tickets and logs, unlike that of any other node; not set: "
           "the machine's name and random letters, new at every start."));
}

void AddModules(std::vector<SettingSpec>* to) {
  to->push_back({.name = "modules",
                 .type = SettingType::kStringList,
                 .default_value = Value::List{"storage", "connector", "sql"},
                 .summary = "Modules to load, in this order: names of libraries in module_dir, or "
                            "paths of libraries; the option --module replaces the list."});
  to->push_back(Text("module_dir", nullptr,
                     "Folder of the modules that are given by name; not set: lib/longbow/modules "
                     "beside the program's folder."));
}

void AddTasks(std::vector<SettingSpec>* to) {
  to->push_back(Count("task_threads", 32, {1, 1024},
                      "Threads that run services, at most; more help services that wait, not those "
                      "that compute."));
  to->push_back(
      Count("task_queue_length", 1024, {1, 1e6},
            "Commands that wait for a thread, at most; more are refused with BACKPRESSURE."));
  to->push_back(Count("task_max_count", 10000, {1, 1e7},
                      "Tasks that the node knows at once, ended ones until their time to live is "
                      "over; more are refused with BACKPRESSURE."));
  to->push_back(Seconds("task_result_ttl_sec", 60, {1, 604800},
                        "How long a result waits for its reader before it is dropped."));
  to->push_back(Size("task_buffer_bytes", 8 * kMiB, {64 * kKiB, 16 * kGiB},
                     "How much of a streaming result is made ahead of its reader."));
  to->push_back(Size("task_repeatable_bytes", kGiB, {0, 64 * kTiB},
                     "What all results with repeatable: true may take together; more are refused "
                     "with BACKPRESSURE."));
  to->push_back(
      Seconds("max_wait_sec", 180, {1, 86400},
              "How long a call without a deadline of its own waits for its task before the "
              "task is cancelled and the call ends with TIMEOUT."));
  to->push_back(
      Seconds("sync_timeout_sec", 10, {1, 3600},
              "How long a call with x-longbow-sync-rev waits until the node has seen that "
              "revision."));
  to->push_back(
      Seconds("cache_ttl_sec", 900, {1, 31536000},
              "How long results of cache: true are kept where the command sets no ttlSec."));
}

void AddCalls(std::vector<SettingSpec>* to) {
  to->push_back(Count("max_open_calls", 20000, {1, 1e7},
                      "Calls that are open at once, at most; more are refused with BACKPRESSURE."));
  to->push_back(
      Count("max_exchanges", 64, {1, 1e5},
            "DoExchange calls of services that are open at once, at most; more are refused "
            "with BACKPRESSURE."));
  to->push_back(Seconds("exchange_idle_sec", 60, {1, 86400},
                        "An exchange whose client sends nothing for so long ends with TIMEOUT."));
  to->push_back(
      Size("exchange_buffer_bytes", 8 * kMiB, {64 * kKiB, 16 * kGiB},
           "How much of what a client sends in an exchange is held until the service takes "
           "it."));
  to->push_back(Size("max_command_bytes", 8 * kMiB, {kKiB, kGiB},
                     "Largest command, ticket or action body; larger ones are refused with "
                     "BAD_ARGUMENT."));
  to->push_back(
      Count("max_command_depth", 32, {1, 32}, "Levels of commands within commands, at most."));
}

void AddTransport(std::vector<SettingSpec>* to) {
  constexpr double kMaxMessage = 2 * kGiB - 1;
  to->push_back(Size("max_message_bytes", kMaxMessage, {64 * kKiB, kMaxMessage},
                     "Largest message that is taken in; a larger one ends its call with "
                     "RESOURCE_EXHAUSTED."));
  to->push_back(Size("max_metadata_bytes", 64 * kKiB, {kKiB, 16 * kMiB},
                     "Header fields of one call, in all."));
  to->push_back(Size("grpc_memory_bytes", 0, {0, 64 * kTiB},
                     "What gRPC may hold of messages that are not read yet; 0: no limit."));
  to->push_back(Count("grpc_threads", 16, {2, 1024},
                      "Threads that serve calls: one per processor, and at most so many."));
  to->push_back(Count("max_connections", 10000, {1, 1e6},
                      "Connections that are open at a time, at most; more are closed at once. Each "
                      "takes a file descriptor, of which the system has a limit, too."));
  to->push_back(Count("max_concurrent_streams", 0, {0, 1e6},
                      "Calls that are open on one connection, at most; 0: no limit."));
  to->push_back(
      Seconds("max_connection_age_sec", 0, {0, 31536000},
              "A connection is ended gently after so long, so that clients spread over nodes "
              "anew; 0: never."));
  to->push_back(Seconds("max_connection_idle_sec", 0, {0, 31536000},
                        "A connection without a call is ended after so long; 0: never."));
  to->push_back(Seconds("keepalive_time_sec", 60, {1, 86400},
                        "After so long without traffic, a connection is probed."));
  to->push_back(Seconds("keepalive_timeout_sec", 20, {1, 3600},
                        "A probed connection that does not answer for so long is dead."));
}

void AddTls(std::vector<SettingSpec>* to) {
  to->push_back(Flag("use_tls", false,
                     "Whether to listen with TLS; needs tls_certificate and tls_private_key."));
  to->push_back(
      Flag("use_mtls", false,
           "Whether clients must show a certificate that tls_root_certificate signed; needs "
           "use_tls."));
  to->push_back(Text("tls_certificate", nullptr,
                     "The node's certificate chain as PEM text, or @ and the path of a file."));
  SettingSpec key = Text("tls_private_key", nullptr,
                         "The certificate's private key as PEM text, or @ and the path of a file.");
  key.secret = true;
  to->push_back(std::move(key));
  to->push_back(
      Text("tls_root_certificate", nullptr,
           "The certificate that signs those of clients, as PEM text, or @ and the path of a "
           "file."));
}

void AddProcess(std::vector<SettingSpec>* to) {
  SettingSpec level = Text("log_level", "info", "Lines below this level are not written.");
  level.choices = {"debug", "info", "warning", "error"};
  to->push_back(std::move(level));
  to->push_back(Seconds(
      "malloc_trim_interval_sec", 30, {0, 86400},
      "How often memory that was freed is given back to the system; 0: never. A "
      "round since the last of which there were calls is left out, at most nine in a row."));
  to->push_back({.name = "shutdown_grace_sec",
                 .type = SettingType::kDouble,
                 .default_value = 0.25,
                 .summary =
                     "How long open calls may go on when the server is told to stop; then they "
                     "are cancelled. More lets long reads end on a node that is replaced.",
                 .unit = "s",
                 .min = 0,
                 .max = 3600});
}

}  // namespace

std::vector<SettingsSection> CoreSections() {
  SettingsSection server;
  server.name = "server";
  server.summary = "The server: where it listens, what it loads, and its limits.";
  AddAddresses(&server.settings);
  AddModules(&server.settings);
  AddTasks(&server.settings);
  AddCalls(&server.settings);
  AddTransport(&server.settings);
  AddTls(&server.settings);
  AddProcess(&server.settings);
  return {std::move(server)};
}

}  // namespace longbow::config
