#include "config/core_sections.h"

#include <utility>

#include "config/operation_sections.h"
#include "config/setting_specs.h"

namespace longbow::config {
namespace {

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
  to->push_back(Optional(Count("advertise_port", 0, {1, 65535},
                               "Port by which clients reach this node; not set: listen_port.")));
  to->push_back(Flag(
      "allow_plaintext", false,
      "Whether to listen without TLS where others than this machine can reach it: what callers "
      "send, tokens included, can be read on the way."));
  to->push_back(
      Text("node_id", nullptr,
           "Name of this node in tickets and logs, unlike that of any other node; not set: "
           "the machine's name and random letters, new at every start."));
}

void AddModules(std::vector<SettingSpec>* to) {
  to->push_back(Texts("modules", {"storage", "connector", "sql"},
                      "Modules to load, in this order: names of libraries in module_dir, or paths "
                      "of libraries; the option --module replaces the list."));
  to->push_back(Text("module_dir", nullptr,
                     "Folder of the modules that are given by name; not set: lib/longbow/modules "
                     "beside the program's folder."));
  to->push_back(Seconds("module_start_timeout_sec", 60, {1, 3600},
                        "How long the start of one module may take; after that, the server's start "
                        "fails. Where changed settings or secrets take longer to be taken over, "
                        "/health says so."));
}

void AddTasks(std::vector<SettingSpec>* to) {
  to->push_back(Count("task_threads", 32, {1, 1024},
                      "Threads that run services, at most; more help services that wait, not those "
                      "that compute."));
  to->push_back(
      Count("task_queue_length", 1024, {1, 1e6},
            "Commands that wait for a thread, at most; more are refused with BACKPRESSURE."));
  to->push_back(Optional(
      Count("task_threads_per_principal", 24, {1, 1024},
            "Of task_threads, those that may run services for one caller; not set: three quarters "
            "where callers have names, all where they have none (auth.method \"none\").")));
  to->push_back(Optional(Count(
      "task_queue_per_principal", 512, {1, 1e6},
      "Of task_queue_length, the commands that may wait for one caller; more are refused with "
      "BACKPRESSURE; not set: half where callers have names, all where they have none.")));
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
      Size("task_waiting_bytes", 2 * kGiB, {kMiB, 64 * kTiB},
           "What all results that wait for their readers may take together; above it, new "
           "commands are refused with BACKPRESSURE."));
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

void AddCallKinds(std::vector<SettingSpec>* to) {
  const auto add = [to](const char* name, int64_t value, const char* calls) {
    to->push_back(Count(name, value, {1, 1e6},
                        std::string(calls) +
                            " that run at once, at most; more wait for max_call_wait_ms, and are "
                            "then refused with BACKPRESSURE."));
  };
  add("max_running_info", 10000,
      "Calls of GetFlightInfo, PollFlightInfo, GetSchema and ListFlights");
  add("max_running_get", 10000, "Calls of DoGet");
  add("max_running_put", 2000, "Calls of DoPut");
  add("max_running_exchange", 64, "Calls of DoExchange");
  add("max_running_action", 1000, "Calls of DoAction, ListActions and Handshake");
  to->push_back(
      Count("max_waiting_calls", 1000, {0, 1e6},
            "Calls of each of these five kinds that wait for their turn, at most; more are refused "
            "at once."));
  to->push_back(Milliseconds("max_call_wait_ms", 30, {0, 60000},
                             "How long a call waits for its turn; 0: not at all."));
}

void AddMemory(std::vector<SettingSpec>* to) {
  to->push_back(Optional(
      Size("memory_high_bytes", kGiB, {64 * kMiB, 64 * kTiB},
           "High mark of the process's memory: above it, new commands and puts are refused with "
           "BACKPRESSURE; not set: 80 % of what the machine or its container has.")));
  to->push_back(Optional(
      Size("memory_critical_bytes", kGiB, {64 * kMiB, 64 * kTiB},
           "Critical mark of the process's memory: above it, results that nobody reads yet are "
           "dropped, oldest first; not set: 90 % of what the machine or its container has.")));
}

void AddCalls(std::vector<SettingSpec>* to) {
  to->push_back(Count("max_open_calls", 20000, {1, 1e7},
                      "Calls that are open at once, at most; more are refused with BACKPRESSURE."));
  AddCallKinds(to);
  to->push_back(Seconds("request_timeout_sec", 60, {1, 86400},
                        "A call whose client does not send its first message for so long ends with "
                        "TIMEOUT."));
  to->push_back(Seconds("exchange_idle_sec", 60, {1, 86400},
                        "An exchange whose client sends nothing for so long while the node waits "
                        "for it, or does not take what a module answers, ends with TIMEOUT."));
  to->push_back(
      Seconds("put_idle_sec", 300, {1, 86400},
              "A put whose client completes no message for so long, or does not take its "
              "receipts, ends with TIMEOUT; what the node takes to store does not count."));
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
  to->push_back(
      Size("max_message_bytes", kMaxMessage, {64 * kKiB, kMaxMessage},
           "Largest message that is taken in, as it comes and when the buffers of its batch "
           "are unpacked; a larger one ends its call with RESOURCE_EXHAUSTED."));
  to->push_back(Size("max_metadata_bytes", 64 * kKiB, {kKiB, 16 * kMiB},
                     "Header fields of one call, in all."));
  to->push_back(Optional(
      Size("grpc_memory_bytes", kGiB, {0, 64 * kTiB},
           "What gRPC may hold of messages that are not whole yet, of all clients together; beyond "
           "it, calls end with RESOURCE_EXHAUSTED; 0: no limit; not set: half of "
           "memory_high_bytes.")));
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

// Taken over when it changes.
SettingSpec PemFile(SettingSpec spec) { return TakesFile(Reloadable(std::move(spec))); }

void AddTls(std::vector<SettingSpec>* to) {
  to->push_back(Flag("use_tls", false,
                     "Whether to listen with TLS; needs tls_certificate and tls_private_key."));
  to->push_back(
      Flag("use_mtls", false,
           "Whether clients must show a certificate that tls_root_certificate signed; needs "
           "use_tls."));
  to->push_back(PemFile(Text("tls_certificate", nullptr,
                             "The node's certificate chain as PEM text, or @ and the path of a "
                             "file, which is read again when it changes.")));
  to->push_back(PemFile(Secret("tls_private_key",
                               "The certificate's private key as PEM text, or @ and the path of "
                               "a file, which is read again when it changes.")));
  to->push_back(
      PemFile(Text("tls_root_certificate", nullptr,
                   "The certificates that sign those of clients, as PEM text, or @ and the path "
                   "of a file, which is read again when it changes.")));
}

void AddProcess(std::vector<SettingSpec>* to) {
  to->push_back(Seconds(
      "malloc_trim_interval_sec", 30, {0, 86400},
      "How often memory that was freed is given back to the system; 0: never. A "
      "round since the last of which there were calls is left out, at most nine in a row."));
  to->push_back({.name = "shutdown_grace_sec",
                 .type = SettingType::kDouble,
                 .default_value = 30,
                 .summary =
                     "How long running calls and tasks may go on when the server is told to stop; "
                     "then they are cancelled, and a second later the process ends in any case.",
                 .unit = "s",
                 .min = 0,
                 .max = 3600});
  to->push_back(Flag("core_dumps", false,
                     "Whether a crash may leave a core dump, with all secrets and data that are in "
                     "memory, where the system is set up for it."));
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
  AddMemory(&server.settings);
  AddTransport(&server.settings);
  AddTls(&server.settings);
  AddProcess(&server.settings);
  std::vector<SettingsSection> sections = {std::move(server)};
  for (SettingsSection& section : OperationSections()) sections.push_back(std::move(section));
  return sections;
}

}  // namespace longbow::config
