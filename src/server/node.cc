#include "server/node.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include <unistd.h>

#include <arrow/memory_pool.h>

#include <longbow/error.h>
#include <longbow/version.h>

#include "server/file_limit.h"
#include "server/memory_trimmer.h"
#include "transport/tls_check.h"

namespace longbow::server {
namespace {

using std::chrono::milliseconds;

// Of calls whose task was cancelled at the end of the grace time: to carry the error to the client.
constexpr milliseconds kLastWords{100};
constexpr milliseconds kSweepInterval{1000};
constexpr milliseconds kMemoryInterval{100};
// Between looks at whether there is still work.
constexpr milliseconds kWorkInterval{5};
// For spans that have not been sent.
constexpr milliseconds kTraceFlush{300};

std::string Milliseconds(std::chrono::steady_clock::duration duration) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(duration).count());
}

std::string MakeNodeId(Random& random) {
  char host[65] = {};
  if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == 0)
    return random.NextId().substr(0, 16);
  return std::string(host) + "-" + random.NextId().substr(0, 8);
}

std::string HttpUrl(const std::string& host, int port) {
  const bool any = host.empty() || IsWildcard(host);
  return "http://" + (any ? "127.0.0.1" : WithBrackets(host)) + ":" + std::to_string(port) + "/";
}

}  // namespace

arrow::Result<std::unique_ptr<Node>> Node::Make(Configuration configuration,
                                                std::unique_ptr<telemetry::Log> log,
                                                MonotonicTime started) {
  std::unique_ptr<Node> node(new Node(std::move(configuration), std::move(log), started));
  const arrow::Status made = node->MakeParts();
  if (!made.ok()) return node->secrets_->Redacted(made);
  return node;
}

Node::Node(Configuration configuration, std::unique_ptr<telemetry::Log> log, MonotonicTime started)
    : started_(started),
      log_(std::move(log)),
      request_(std::move(configuration.request)),
      sections_(std::move(configuration.sections)),
      tables_(std::move(configuration.checked.tables)),
      settings_(std::move(configuration.settings)),
      options_(std::move(configuration.options)),
      secrets_(std::move(configuration.secrets)),
      registry_(Registry::Make()),
      modules_(std::move(configuration.modules)) {
  options_.dispatcher.node_id = options_.node_id.empty() ? MakeNodeId(random_) : options_.node_id;
}

Node::~Node() { Shutdown(); }

arrow::Status Node::MakeParts() {
  log_->SetRedact([secrets = secrets_](std::string_view text) { return secrets->Redact(text); });
  health_ = std::make_unique<flight::NodeHealth>(&clock_, &logger());
  ARROW_ASSIGN_OR_RAISE(telemetry_, NodeTelemetry::Make(options_, log_.get(), &clock_, &random_));
  ARROW_RETURN_NOT_OK(modules_->Register(this, &logger(), registry_.get()));
  std::vector<std::string> services;
  for (const auto& service : registry_->services()) {
    services.push_back(service->description().name);
  }
  telemetry_->tasks().Register(services);
  ARROW_RETURN_NOT_OK(CheckIdentity());
  ARROW_ASSIGN_OR_RAISE(auto policy, MakePolicy(settings_, MakePolicyParts()));
  gate_ = std::make_unique<flight::Gate>(std::move(policy));
  tasks_ = TaskRegistry::Make(options_.tasks, {.clock = &clock_,
                                               .logger = &log_->component("tasks"),
                                               .observer = &telemetry_->task_watch(),
                                               .tracer = &telemetry_->tracer()});
  timer_ = Timer::Make(&clock_);
  flight::DispatcherParts parts;
  parts.registry = registry_.get();
  parts.tasks = tasks_.get();
  parts.timer = timer_.get();
  parts.clock = &clock_;
  parts.logger = &log_->component("flight");
  parts.gate = gate_.get();
  parts.health = health_.get();
  parts.problems = [this] { return Problems(); };
  parts.observer = &telemetry_->journal();
  parts.tracer = &telemetry_->tracer();
  parts.open_calls = [this] {
    const transport::Server* server = serving_.load();
    return server == nullptr ? 0 : server->open_calls();
  };
  dispatcher_ = flight::Dispatcher::Make(options_.dispatcher, parts);
  MakeView();
  return arrow::Status::OK();
}

arrow::Status Node::CheckIdentity() const {
  if (!options_.transport.tls) return arrow::Status::OK();
  const arrow::Status good = transport::CheckTls(*options_.transport.tls, clock_.WallNow());
  if (good.ok()) return good;
  return good.WithMessage(good.message(),
                          " (settings tls_certificate, tls_private_key and tls_root_certificate of "
                          "[server])");
}

PolicyParts Node::MakePolicyParts() {
  return {.clock = &clock_,
          .random = &random_,
          .logger = &logger(),
          .of_module = registry_->authenticator()};
}

std::vector<std::string> Node::Problems() const {
  std::vector<std::string> problems = problems_.all();
  for (std::string& problem : secrets_->problems()) problems.push_back(std::move(problem));
  return problems;
}

void Node::MakeView() {
  MemoryGuardParts guard;
  guard.used_bytes = [this] { return telemetry_->process().AnonymousMemory().ValueOr(-1); };
  guard.set_full = [this](bool full) { dispatcher_->SetMemoryFull(full); };
  guard.drop_results = [this](int64_t bytes) { return tasks_->DropUnread(bytes); };
  guard.give_back = GiveMemoryBack;
  guard.clock = &clock_;
  guard.logger = &logger();
  memory_ = std::make_unique<MemoryGuard>(options_.memory, std::move(guard));
  NodeViewParts parts;
  parts.options = &options_;
  parts.clock = &clock_;
  parts.health = health_.get();
  parts.registry = registry_.get();
  parts.calls = &telemetry_->calls();
  parts.journal = &telemetry_->journal();
  parts.tasks = tasks_.get();
  parts.admission = &dispatcher_->admission();
  parts.memory = memory_.get();
  parts.process = &telemetry_->process();
  parts.transport = [this]() -> const transport::Server* { return serving_.load(); };
  parts.location = [this] { return serving_.load() == nullptr ? std::string() : location_; };
  parts.problems = [this] { return Problems(); };
  view_ = std::make_unique<NodeView>(std::move(parts));
}

ModuleContext Node::ContextOf(const LoadedModule& module) {
  module_metrics_.push_back(telemetry_->metrics().ForModule(module.name));
  return {settings_,
          log_->component(module.name),
          clock_,
          arrow::default_memory_pool(),
          health_->AddModule(module.name, module.version),
          *module_metrics_.back()};
}

void Node::OnStarted(const LoadedModule& module) { health_->ModuleStarted(module.name); }
void Node::OnStopped(const LoadedModule& module) { health_->ModuleStopped(module.name); }

arrow::Status Node::Start() {
  RaiseFileLimit(options_.transport.max_connections, &logger());
  for (const std::string& warning : options_.warnings) logger().Warning(warning);
  arrow::Status started = ListenHttp();
  if (started.ok()) started = Listen();
  if (started.ok()) started = modules_->Start(options_.module_start_timeout);
  if (!started.ok()) {
    const arrow::Status told = secrets_->Redacted(started);
    if (!hung()) Shutdown();
    return told;
  }
  MakeReload();
  StartHousekeeping();
  secrets_->Watch(&log_->component("secrets"), [this] { reload_->SecretsChanged(); });
  health_->SetReadyCallback([this](bool ready) { server_->SetServing(ready); });
  health_->SetState(flight::NodeState::kServing);
  LogReady();
  TellUnusedLevels(log_.get());
  return arrow::Status::OK();
}

arrow::Status Node::ListenHttp() {
  if (!options_.http) return arrow::Status::OK();
  auto endpoint = std::make_unique<OperationsEndpoint>(
      view_.get(), &telemetry_->metrics(), options_.http_token, &log_->component("http"));
  const arrow::Status started = endpoint->Start(*options_.http);
  if (!started.ok()) {
    return started.WithMessage(started.message(), " (settings host and port of [http])");
  }
  http_ = std::move(endpoint);
  return arrow::Status::OK();
}

arrow::Status Node::Listen() {
  options_.transport.observer = &telemetry_->journal();
  options_.transport.tracer = &telemetry_->tracer();
  // Calls may come before Start() has returned, and need the location. Only a port that was not
  // chosen is unknown until then; but nobody else knows it either.
  const bool port_is_known = options_.listen_host.empty() || options_.listen_port != 0;
  if (port_is_known) {
    location_ = AdvertisedUri(options_, options_.listen_port);
    ARROW_RETURN_NOT_OK(SetLocation());
  }
  auto started = transport::Server::Start(options_.transport, dispatcher_.get(),
                                          &log_->component("transport"));
  if (!started.ok()) {
    return started.status().WithMessage(started.status().message(),
                                        " (settings listen_host, listen_port and "
                                        "listen_unix_socket of [server])");
  }
  server_ = *std::move(started);
  if (!port_is_known) {
    location_ = AdvertisedUri(options_, port());
    ARROW_RETURN_NOT_OK(SetLocation());
  }
  serving_ = server_.get();
  return arrow::Status::OK();
}

arrow::Status Node::SetLocation() {
  const arrow::Status set = dispatcher_->SetLocation(location_);
  return set.ok() ? set : set.WithMessage(set.message(), " (setting advertise_host of [server])");
}

int Node::port() const {
  return server_ == nullptr || server_->ports().empty() ? 0 : server_->ports().front();
}

void Node::MakeReload() {
  ReloadTargets targets;
  targets.secrets = secrets_.get();
  targets.gate = gate_.get();
  targets.policy = MakePolicyParts();
  targets.log = log_.get();
  targets.journal = &telemetry_->journal();
  targets.modules = modules_.get();
  targets.server = server_.get();
  targets.http = http_.get();
  targets.problems = &problems_;
  targets.clock = &clock_;
  targets.slow_after = options_.module_start_timeout;
  reload_ = std::make_unique<NodeReload>(std::move(request_), std::move(sections_),
                                         std::move(tables_), std::move(targets));
}

void Node::Reload() { reload_->ReadAgain(); }

void Node::StartHousekeeping() {
  std::vector<Housekeeper::Job> jobs = {{kMemoryInterval, [this] { memory_->Run(); }},
                                        {kSweepInterval, [this] {
                                           tasks_->Sweep();
                                           log_->Tick();
                                           reload_->Look();
                                         }}};
  if (options_.malloc_trim_interval.count() > 0) {
    const auto activity = [this] {
      return MemoryTrimmer::Activity{server_->open_calls(), server_->calls_begun()};
    };
    auto trimmer = std::make_shared<MemoryTrimmer>(activity, [this] {
      GiveMemoryBack();
      trims_.fetch_add(1, std::memory_order_relaxed);
    });
    jobs.push_back({options_.malloc_trim_interval, [trimmer] { trimmer->Run(); }});
  }
  housekeeper_ = std::make_unique<Housekeeper>(std::move(jobs));
  Measure();
}

void Node::LogReady() {
  std::string where;
  if (!options_.listen_host.empty()) where = UriOf(options_, options_.listen_host, port());
  if (!options_.unix_socket.empty()) {
    where += (where.empty() ? "" : " and ") + UriOf(options_, "", 0);
  }
  std::string services;
  for (const auto& service : registry_->services()) {
    services += (services.empty() ? "" : ", ") + service->description().name;
  }
  LogFields fields = {{"node", node_id()}, {"location", location_}};
  if (http_ != nullptr) {
    fields.emplace_back("http", HttpUrl(options_.http->host, http_->port()));
  }
  logger().Info("longbow " LONGBOW_VERSION " is ready on " + where +
                    " (services: " + (services.empty() ? "none" : services) + ") in " +
                    Milliseconds(clock_.Now() - started_) + " ms",
                fields);
}

void Node::WaitForWork() {
  const MonotonicTime until = clock_.Now() + options_.shutdown_grace;
  while (clock_.Now() < until && (server_->open_calls() > 0 || tasks_->busy() > 0)) {
    std::this_thread::sleep_for(kWorkInterval);
  }
}

std::string Node::shutdown_step() const {
  const std::string step = shutdown_step_.load();
  if (!step.empty()) return step;
  const std::string module = modules_->busy();
  return module.empty() ? "changed settings or secrets to be read" : module;
}

void Node::Shutdown() {
  if (shut_down_) return;
  shut_down_ = true;
  const MonotonicTime begin = clock_.Now();
  health_->SetState(flight::NodeState::kStopping);
  // What is under way gets the grace time, too: a module may be in the middle of it.
  if (reload_ != nullptr) reload_->BeginStop();
  secrets_->Interrupt();
  if (server_ != nullptr) {
    dispatcher_->BeginShutdown();
    tasks_->BeginShutdown();
    shutdown_step_ = "running calls and tasks";
    WaitForWork();
    // The transport waits for calls while this thread waits for tasks: cancelling those gives the
    // calls that wait for them an error of their own.
    shutdown_step_ = "a task that does not heed being cancelled";
    auto transport_down = std::async(std::launch::async, [this] { server_->Shutdown(kLastWords); });
    tasks_->Shutdown();
    shutdown_step_ = "calls to end";
    transport_down.get();
  }
  shutdown_step_ = "";
  if (reload_ != nullptr) reload_->WaitForEnd();
  secrets_->StopWatching();
  shutdown_step_ = "housekeeping to end";
  housekeeper_.reset();
  if (tasks_ != nullptr) tasks_->Shutdown();
  shutdown_step_ = "";
  modules_->Stop();
  if (server_ != nullptr) {
    logger().Info("longbow has stopped in " + Milliseconds(clock_.Now() - begin) + " ms",
                  {{"node", node_id()}});
  }
  shutdown_step_ = "traces to be sent";
  if (telemetry_ != nullptr) telemetry_->tracer().Shutdown(kTraceFlush);
  shutdown_step_ = "the HTTP endpoint to close";
  serving_ = nullptr;
  measures_.reset();
  http_.reset();
}

}  // namespace longbow::server
