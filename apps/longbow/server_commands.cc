#include "server_commands.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <arrow/config.h>
#include <grpcpp/grpcpp.h>
#include <CLI/CLI.hpp>

#include <longbow/version.h>

#include "commands.h"
#include "config/describe.h"
#include "config/environment.h"
#include "module/loader.h"
#include "server/configuration.h"
#include "server/memory_trimmer.h"
#include "server/node.h"
#include "server/run.h"
#include "server/signals.h"
#include "telemetry/logger.h"

namespace longbow::app {
namespace {

constexpr char kStartFooter[] = R"(
Without settings it listens on 127.0.0.1:17001 and serves storage, connector and sql. A log line
says when it is ready. SIGTERM or SIGINT (Ctrl-C) stop it gently, a second one at once; SIGHUP has
it read its settings and open its log file again.

Settings are merged in this order: the files as given, then environment variables such as
LONGBOW_SERVER__LISTEN_PORT. `longbow check-config --sample` prints a file to begin with.

Exit codes: 0 stopped by a signal, 1 could not start (such as a port in use) or was stopped at once,
2 wrong settings or a module that cannot be loaded.

Examples:
  longbow start --dev-log
  longbow start --config base.toml --config this-node.toml
  longbow start --module storage --module ./libmine.so)";

constexpr char kCheckFooter[] = R"(
Without an option it says in one line whether `longbow start` would accept the settings, or what is
wrong with them, all at once. It loads the modules, as they have settings too, but starts nothing.

Exit codes: 0 all is well, 2 something is wrong.

Examples:
  longbow check-config --config longbow.toml
  longbow check-config --config longbow.toml --explain
  longbow check-config --sample > longbow.toml)";

server::ConfigurationRequest MakeRequest(const std::vector<std::string>& files,
                                         const std::vector<std::string>& modules) {
  server::ConfigurationRequest request;
  request.files = files;
  request.environment = config::ServerEnvironment();
  request.modules = modules;
  request.default_module_dir = DefaultModuleDir();
  return request;
}

int Complain(const char* what, const arrow::Status& status, int exit_code) {
  std::fprintf(stderr, "longbow: %s\n%s\n", what, status.message().c_str());
  return exit_code;
}

// The log as the settings want it, or for people on a terminal.
arrow::Result<std::unique_ptr<telemetry::Log>> MakeLog(telemetry::LogOptions options, bool dev_log,
                                                       const Clock* clock) {
  if (dev_log) {
    options.for_people = true;
    options.file.clear();
    options.colours = isatty(STDERR_FILENO) != 0;
  }
  return telemetry::Log::Make(std::move(options), clock);
}

// Registers the modules without starting them: their own checks of their settings are part of it.
arrow::Status TryModules(server::Configuration configuration) {
  const SystemClock clock;
  telemetry::LogOptions options;
  options.level = LogLevel::kWarning;
  ARROW_ASSIGN_OR_RAISE(auto log, MakeLog(std::move(options), /*dev_log=*/true, &clock));
  return server::Node::Make(std::move(configuration), std::move(log), clock.Now()).status();
}

void PrintVerdict(const std::vector<config::EffectiveSetting>& effective) {
  size_t written = 0;
  for (const auto& setting : effective) written += setting.origin != "default";
  std::printf("The settings are good: %zu written, %zu by default. Nothing was started.\n", written,
              effective.size() - written);
}

}  // namespace

int RunStart(const StartOptions& options) {
  const MonotonicTime started = std::chrono::steady_clock::now();
  server::KeepFreedMemory();
  // Before any library starts a thread: threads inherit which signals are blocked.
  auto signals = server::SignalWatcher::Make();
  if (!signals.ok()) return Complain("cannot start:", signals.status(), kExitFailure);
  auto configuration =
      server::LoadConfiguration(MakeRequest(options.config_files, options.modules));
  if (!configuration.ok()) {
    return Complain("the settings are wrong, and nothing was started:", configuration.status(),
                    kExitUsage);
  }
  const SystemClock clock;
  auto log = MakeLog(configuration->options.log, options.dev_log, &clock);
  if (!log.ok()) return Complain("cannot log, and nothing was started:", log.status(), kExitUsage);
  auto node = server::Node::Make(*std::move(configuration), *std::move(log), started);
  if (!node.ok()) {
    return Complain("the settings or a module were refused, and nothing was started:",
                    node.status(), kExitUsage);
  }
  const arrow::Status status = server::RunUntilSignal(node->get(), signals->get());
  if (!status.ok()) return Complain("cannot start:", status, kExitFailure);
  return kExitOk;
}

int RunCheckConfig(const CheckConfigOptions& options) {
  auto configuration =
      server::LoadConfiguration(MakeRequest(options.config_files, options.modules));
  if (!configuration.ok()) {
    return Complain("the settings are wrong:", configuration.status(), kExitUsage);
  }
  if (options.sample) {
    std::fputs(config::SampleSettings(configuration->sections).c_str(), stdout);
    return kExitOk;
  }
  if (options.reference) {
    std::fputs(config::ReferencePage(configuration->sections).c_str(), stdout);
    return kExitOk;
  }
  const std::vector<config::EffectiveSetting> effective = configuration->checked.effective;
  const arrow::Status status = TryModules(*std::move(configuration));
  if (!status.ok()) return Complain("the settings are wrong:", status, kExitUsage);
  if (options.explain) {
    std::fputs(config::ExplainSettings(effective).c_str(), stdout);
  } else {
    PrintVerdict(effective);
  }
  return kExitOk;
}

int RunVersion() {
  std::printf("longbow %s\nsdk     %s\narrow   %s\ngrpc    %s\n", LONGBOW_VERSION,
              LONGBOW_SDK_DIGEST, arrow::GetBuildInfo().version_string.c_str(),
              grpc::Version().c_str());
  return kExitOk;
}

void AddServerCommands(CLI::App& app, ChosenCommand& chosen) {
  auto start = std::make_shared<StartOptions>();
  CLI::App* command = app.add_subcommand("start", "Start a server, and run until a signal ends it");
  command->footer(kStartFooter);
  command->add_option("-c,--config", start->config_files, "TOML file with settings; may come again")
      ->type_name("FILE");
  command
      ->add_option("-m,--module", start->modules,
                   "Module to load, by name or path; may come again. Replaces the setting "
                   "server.modules")
      ->type_name("NAME|PATH");
  command->add_flag("--dev-log", start->dev_log, "Log text for people instead of JSON lines");
  command->callback([start, &chosen] { chosen = [start] { return RunStart(*start); }; });

  auto check = std::make_shared<CheckConfigOptions>();
  command = app.add_subcommand("check-config", "Check settings, or print what there is to set");
  command->footer(kCheckFooter);
  command->add_option("-c,--config", check->config_files, "TOML file with settings; may come again")
      ->type_name("FILE");
  command
      ->add_option("-m,--module", check->modules,
                   "Module to load, by name or path; may come again. Replaces the setting "
                   "server.modules")
      ->type_name("NAME|PATH");
  CLI::Option* explain =
      command->add_flag("--explain", check->explain,
                        "Print each setting in force, where it came from, and what it does");
  CLI::Option* sample = command->add_flag("--sample", check->sample,
                                          "Print a settings file with all there is to set");
  CLI::Option* reference =
      command->add_flag("--reference", check->reference, "Print the reference page, in Markdown");
  explain->excludes(sample)->excludes(reference);
  sample->excludes(reference);
  command->callback([check, &chosen] { chosen = [check] { return RunCheckConfig(*check); }; });

  command = app.add_subcommand("version", "Print the versions of the program and its libraries");
  command->callback([&chosen] { chosen = [] { return RunVersion(); }; });
}

}  // namespace longbow::app
