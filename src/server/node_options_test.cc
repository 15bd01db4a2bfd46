#include "server/node_options.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/check.h"
#include "config/core_sections.h"
#include "server/configuration.h"
#include "server/node_secrets.h"

namespace longbow::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kMiB = int64_t{1} << 20;

arrow::Result<NodeOptions> Options(const std::string& server_section,
                                   std::map<std::string, std::string> environment = {}) {
  std::vector<config::Problem> problems;
  const auto document = config::ParseToml("[server]\n" + server_section, "longbow.toml", &problems);
  auto checked = config::CheckSettings(document, config::CoreSections());
  problems.insert(problems.end(), checked.problems.begin(), checked.problems.end());
  ARROW_RETURN_NOT_OK(config::ProblemsToStatus(problems));
  NodeSecrets secrets;
  ARROW_ASSIGN_OR_RAISE(const Settings settings,
                        ResolveAll(checked.tables, config::CoreSections(), &secrets));
  OptionSources sources;
  sources.available_memory_bytes = 1000 * kMiB;
  sources.environment = std::move(environment);
  return MakeNodeOptions(settings, sources);
}

constexpr char kPem[] = "'-----BEGIN CERTIFICATE-----'";

TEST(NodeOptionsTest, HasTheSameDefaultsAsTheParts) {
  auto options = Options("");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->transport.addresses, ElementsAre("127.0.0.1:17001"));
  EXPECT_FALSE(options->transport.tls.has_value());
  EXPECT_EQ(AdvertisedUri(*options, 17001), "grpc://127.0.0.1:17001");
  const transport::ServerOptions transport;
  EXPECT_EQ(options->transport.max_message_bytes, transport.max_message_bytes);
  EXPECT_EQ(options->transport.memory_quota_bytes, options->memory.high_bytes / 2);
  EXPECT_EQ(options->transport.max_threads, transport.max_threads);
  EXPECT_EQ(options->transport.max_connections, transport.max_connections);
  EXPECT_EQ(options->transport.max_concurrent_streams, transport.max_concurrent_streams);
  EXPECT_EQ(options->transport.max_connection_age_sec, transport.max_connection_age_sec);
  EXPECT_EQ(options->transport.max_connection_idle_sec, transport.max_connection_idle_sec);
  EXPECT_EQ(options->transport.keepalive_time_sec, transport.keepalive_time_sec);
  EXPECT_EQ(options->transport.keepalive_timeout_sec, transport.keepalive_timeout_sec);
  EXPECT_EQ(options->transport.request_timeout, transport.request_timeout);
  EXPECT_EQ(options->transport.max_metadata_bytes, transport.max_metadata_bytes);
  const TaskLimits tasks;
  EXPECT_EQ(options->tasks.threads, tasks.threads);
  EXPECT_EQ(options->tasks.queue_length, tasks.queue_length);
  EXPECT_EQ(options->tasks.unknown_threads, tasks.unknown_threads);
  EXPECT_EQ(options->tasks.unknown_queue, tasks.unknown_queue);
  EXPECT_EQ(options->tasks.max_tasks, tasks.max_tasks);
  EXPECT_EQ(options->tasks.buffer_bytes, tasks.buffer_bytes);
  EXPECT_EQ(options->tasks.repeatable_bytes, tasks.repeatable_bytes);
  EXPECT_EQ(options->tasks.result_ttl_sec, tasks.result_ttl_sec);
  EXPECT_EQ(options->tasks.waiting_bytes, tasks.waiting_bytes);
  EXPECT_FALSE(options->http.has_value());
  EXPECT_EQ(options->trace.exporter, telemetry::TraceExporter::kNone);
  const flight::DispatcherOptions dispatcher;
  EXPECT_EQ(options->dispatcher.max_wait_sec, dispatcher.max_wait_sec);
  EXPECT_EQ(options->dispatcher.sync_timeout_sec, dispatcher.sync_timeout_sec);
  EXPECT_EQ(options->dispatcher.max_open_calls, dispatcher.max_open_calls);
  EXPECT_EQ(options->dispatcher.admission.running, dispatcher.admission.running);
  EXPECT_EQ(options->dispatcher.admission.waiting, dispatcher.admission.waiting);
  EXPECT_EQ(options->dispatcher.admission.max_wait, dispatcher.admission.max_wait);
  EXPECT_EQ(options->dispatcher.exchange_idle_sec, dispatcher.exchange_idle_sec);
  EXPECT_EQ(options->dispatcher.put_idle_sec, dispatcher.put_idle_sec);
  EXPECT_EQ(options->dispatcher.cache_ttl_sec, dispatcher.cache_ttl_sec);
  EXPECT_EQ(options->dispatcher.exchange_buffer_bytes, dispatcher.exchange_buffer_bytes);
  EXPECT_EQ(options->dispatcher.command_limits.max_bytes, dispatcher.command_limits.max_bytes);
  EXPECT_EQ(options->dispatcher.command_limits.max_depth, dispatcher.command_limits.max_depth);
}

TEST(NodeOptionsTest, MakesAddressesAndUris) {
  auto options =
      Options("listen_host = '::1'\nlisten_port = 0\nlisten_unix_socket = '/run/l.sock'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->transport.addresses, ElementsAre("[::1]:0", "unix:/run/l.sock"));
  EXPECT_EQ(AdvertisedUri(*options, 5), "grpc://[::1]:5");

  const std::string open = "allow_plaintext = true\nlisten_host = '0.0.0.0'\n";
  options = Options(open + "advertise_host = 'a.example'\nadvertise_port = 80");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(AdvertisedUri(*options, 17001), "grpc://a.example:80");

  options = Options(open);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(AdvertisedUri(*options, 17001), Not(HasSubstr("0.0.0.0")));

  options = Options("listen_host = ''\nlisten_unix_socket = '/run/l.sock'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->transport.addresses, ElementsAre("unix:/run/l.sock"));
  EXPECT_EQ(AdvertisedUri(*options, 0), "grpc+unix:///run/l.sock");
}

TEST(NodeOptionsTest, ReadsPemTextsAndFiles) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("longbow_node_options_test_" + std::to_string(getpid()) + ".pem");
  std::ofstream(file) << "-----BEGIN PRIVATE KEY-----\nabc\n";
  auto options =
      Options(std::string("use_tls = true\nuse_mtls = true\ntls_certificate = ") + kPem +
              "\ntls_private_key = '@" + file.string() + "'\ntls_root_certificate = " + kPem);
  std::filesystem::remove(file);
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_TRUE(options->transport.tls.has_value());
  EXPECT_EQ(options->transport.tls->certificate_pem, "-----BEGIN CERTIFICATE-----");
  EXPECT_EQ(options->transport.tls->private_key_pem, "-----BEGIN PRIVATE KEY-----\nabc");
  EXPECT_EQ(options->transport.tls->client_root_pem, "-----BEGIN CERTIFICATE-----");
  EXPECT_EQ(AdvertisedUri(*options, 1), "grpc+tls://127.0.0.1:1");
}

TEST(NodeOptionsTest, RefusesWhatDoesNotGoTogether) {
  struct Case {
    std::string settings;
    const char* message;
  };
  const std::string tls = std::string("use_tls = true\ntls_certificate = ") + kPem + "\n";
  for (const Case& c : std::initializer_list<Case>{
           {"listen_host = ''", "would listen nowhere"},
           {"listen_unix_socket = 'x.sock'", "from / on"},
           {"use_mtls = true", "server.use_mtls needs server.use_tls"},
           {"use_tls = true", "server.use_tls needs server.tls_certificate and"},
           {tls, "server.use_tls needs server.tls_certificate and"},
           {tls + "tls_private_key = 'hunter2'", "server.tls_private_key is not PEM"},
           {tls + "tls_private_key = '@/none/key.pem'", "file:/none/key.pem"},
           {tls + "tls_private_key = '@/'", "server.tls_private_key cannot be used"},
           {"listen_host = '0.0.0.0'", "allow_plaintext = true if this is meant"},
           {"listen_host = 'longbow.example'", "which others can reach, and there is no TLS"},
           {"memory_high_bytes = '2GiB'\nmemory_critical_bytes = '1GiB'", "must be above"},
           {tls + "tls_private_key = '-----BEGIN '\nuse_mtls = true",
            "server.use_mtls needs server.tls_root_certificate"},
       }) {
    auto options = Options(c.settings);
    ASSERT_FALSE(options.ok()) << c.settings;
    EXPECT_THAT(options.status().message(), HasSubstr(c.message));
  }
  EXPECT_THAT(Options(tls + "tls_private_key = 'hunter2'").status().message(),
              Not(HasSubstr("hunter2")));
}

TEST(NodeOptionsTest, MarksOfMemoryAreSharesOfWhatThereIs) {
  auto options = Options("");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->memory.high_bytes, 800 * kMiB);
  EXPECT_EQ(options->memory.critical_bytes, 900 * kMiB);
  options = Options("memory_high_bytes = '950MiB'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->memory.critical_bytes, 950 * kMiB);
}

TEST(NodeOptionsTest, ACallerWithANameHasAShareOfTheThreads) {
  auto options = Options("");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->tasks.threads_per_principal, options->tasks.threads);
  EXPECT_EQ(options->tasks.queue_per_principal, options->tasks.queue_length);
  options = Options("task_threads = 8\n[auth]\nmethod = 'token'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->tasks.threads_per_principal, 6);
  EXPECT_EQ(options->tasks.queue_per_principal, 512);
  options = Options("task_threads = 8\ntask_threads_per_principal = 20");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->tasks.threads_per_principal, 8);
}

TEST(NodeOptionsTest, TheEndpointIsAskedByNamesOfTheNode) {
  char machine[256] = {};
  ASSERT_EQ(gethostname(machine, sizeof(machine) - 1), 0);
  auto options = Options(
      "advertise_host = 'node.example'\n[http]\nport = 0\nallowed_hosts = ['A.example', '*']");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->http->allowed_hosts, ElementsAre("A.example", "*", machine, "node.example"));
  // What is advertised opens nothing by accident.
  options = Options("advertise_host = '*'\n[http]\nport = 0");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->http->allowed_hosts, ElementsAre(machine));
  for (const char* wrong : {"a.example:80", "http://a.example", "*.example", "", "[::1]"}) {
    const auto refused =
        Options("[http]\nport = 0\nallowed_hosts = ['" + std::string(wrong) + "']");
    EXPECT_THAT(refused.status().message(),
                AllOf(HasSubstr("http.allowed_hosts has '" + std::string(wrong) + "'"),
                      HasSubstr("without a port")));
  }
}

TEST(NodeOptionsTest, OnlyAddressesOfThisMachineNeedNoTls) {
  for (const char* host : {"127.0.0.1", "127.255.1.2", "::1", "[::1]", "0:0::1", "localhost"}) {
    const auto options = Options("listen_host = '" + std::string(host) + "'");
    EXPECT_TRUE(options.ok()) << host << ": " << options.status();
  }
  for (const char* host : {"127.evil.example", "127.0.0.1.evil.example", "127.1", "128.0.0.1",
                           "localhost.example", "::2", "node.example"}) {
    const auto options = Options("listen_host = '" + std::string(host) + "'");
    EXPECT_THAT(options.status().message(),
                AllOf(HasSubstr(host), HasSubstr("allow_plaintext = true")));
  }
  EXPECT_FALSE(Options("listen_host = \"127.0.0.1\\u0000.evil.example\"").ok());
}

TEST(NodeOptionsTest, AnOpenEndpointWithoutATokenIsAWarning) {
  auto options = Options("[http]\nport = 0\nhost = '0.0.0.0'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->warnings,
              ElementsAre(AllOf(HasSubstr("http.host is '0.0.0.0'"), HasSubstr("set http.token"))));
  options = Options("[http]\nport = 0\nhost = '127.evil.example'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->warnings, ElementsAre(HasSubstr("127.evil.example")));
  for (const char* good : {"host = '127.0.0.1'", "host = 'localhost'",
                           "host = '0.0.0.0'\ntoken = 'a-token-0123456789'"}) {
    options = Options("[http]\nport = 0\n" + std::string(good));
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_THAT(options->warnings, ElementsAre()) << good;
  }
}

TEST(NodeOptionsTest, TheEndpointsTokenIsAsGoodAsACallers) {
  EXPECT_THAT(Options("[http]\nport = 0\ntoken = ''").status().message(),
              HasSubstr("http.token is shorter than 16 characters"));
  for (const char* wrong : {"sh0rt!x", "fifteen-letters"}) {
    const auto options = Options("[http]\nport = 0\ntoken = '" + std::string(wrong) + "'");
    EXPECT_THAT(options.status().message(), AllOf(HasSubstr("http.token "), Not(HasSubstr(wrong))));
  }
  const auto options = Options("[http]\nport = 0\ntoken = 'sixteen-letters!'");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->http_token, "sixteen-letters!");
}

TEST(NodeOptionsTest, LevelsOfComponents) {
  auto options = Options("[log]\nlevels = ['sql=debug', 'transport=error']");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->log.component_levels.at("sql"), LogLevel::kDebug);
  EXPECT_EQ(options->log.component_levels.at("transport"), LogLevel::kError);
  EXPECT_THAT(Options("[log]\nlevels = ['sql']").status().message(), HasSubstr("log.levels has"));
}

TEST(NodeOptionsTest, AWrongTraceSettingIsAProblemAndAWrongVariableAWarning) {
  const std::string wrong = "ftp://secret@collector";
  auto options = Options("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", wrong}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->warnings,
              ElementsAre(AllOf(HasSubstr("OTEL_EXPORTER_OTLP_ENDPOINT is ignored"),
                                Not(HasSubstr("secret")))));
  options = Options("[trace]\nendpoint = '" + wrong + "'");
  EXPECT_THAT(options.status().message(),
              AllOf(HasSubstr("trace.endpoint cannot be used: "), Not(HasSubstr("secret"))));
  // The setting replaces the variable, and with it what is wrong there.
  options = Options("[trace]\nendpoint = 'http://collector:4317'",
                    {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", wrong}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->warnings, ElementsAre());
  EXPECT_EQ(options->trace.otlp.endpoint, "http://collector:4317");
}

}  // namespace
}  // namespace longbow::server
