#include "server/node.h"

#include <chrono>
#include <future>
#include <utility>

#include <unistd.h>

#include <arrow/memory_pool.h>

#include <longbow/error.h>
#include <longbow/version.h>

#include "server/memory_trimmer.h"

namespace longbow::server {
namespace {

// Of calls whose task was cancelled at the end of the grace time: to carry the error to the client.
constexpr std::chrono::milliseconds kLastWords{100};
constexpr std::chrono::milliseconds kSweepInterval{1000};

std::string Milliseconds(std::chrono::steady_clock::duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::string MakeNodeId(Random& random) {
  char host[65] = {};
  if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == 0)
    return random.NextId().substr(0, 16);
  return std::string(host) + "-" + random.NextId().substr(0, 8);
}

}  // namespace

arrow::Result<std::unique_ptr<Node>> Node::Make(Configuration configuration,
                                                std::unique_ptr<Logger> logger,
                                                MonotonicTime started) {
  std::unique_ptr<Node> node(new Node(std::move(configuration), std::move(logger), started));
  ARROW_RETURN_NOT_OK(node->Register());
  return node;
}

Node::Node(Configuration configuration, std::unique_ptr<Logger> logger, MonotonicTime started)
    : started_(started),
      options_(std::move(configuration.options)),
      settings_(std::move(configuration.checked.settings)),
      logger_(std::move(logger)),
      module_context_{settings_, *logger_, clock_, arrow::default_memory_pool()},
      registry_(Registry::Make()),
      modules_(std::move(configuration.modules)) {
  options_.dispatcher.node_id = options_.node_id.empty() ? MakeNodeId(random_) : options_.node_id;
  tasks_ = TaskRegistry::Make(options_.tasks, &clock_, logger_.get());
  timer_ = Timer::Make(&clock_);
  flight::DispatcherParts parts;
  parts.registry = registry_.get();
  parts.tasks = tasks_.get();
  parts.timer = timer_.get();
  parts.clock = &clock_;
  parts.logger = logger_.get();
  dispatcher_ = flight::Dispatcher::Make(options_.dispatcher, parts);
}

Node::~Node() { Shutdown(); }

arrow::Status Node::Register() { return modules_->Register(module_context_, registry_.get()); }

arrow::Status Node::Start() {
  ARROW_RETURN_NOT_OK(modules_->Start());
  const arrow::Status listening = Listen();
  if (!listening.ok()) {
    Shutdown();
    return listening;
  }
  std::vector<Housekeeper::Job> jobs = {{kSweepInterval, [this] { tasks_->Sweep(); }}};
  if (options_.malloc_trim_interval.count() > 0) {
    const auto activity = [this] {
      return MemoryTrimmer::Activity{server_->open_calls(), server_->calls_begun()};
    };
    auto trimmer = std::make_shared<MemoryTrimmer>(activity, GiveMemoryBack);
    jobs.push_back({options_.malloc_trim_interval, [trimmer] { trimmer->Run(); }});
  }
  housekeeper_ = std::make_unique<Housekeeper>(std::move(jobs));
  server_->SetServing(true);
  LogReady();
  return arrow::Status::OK();
}

arrow::Status Node::Listen() {
  // Calls may come before Start() has returned, and need the location. Only a port that was not
  // chosen is unknown until then; but nobody else knows it either.
  const bool port_is_known = options_.listen_host.empty() || options_.listen_port != 0;
  if (port_is_known) {
    location_ = AdvertisedUri(options_, options_.listen_port);
    ARROW_RETURN_NOT_OK(SetLocation());
  }
  auto started = transport::Server::Start(options_.transport, dispatcher_.get(), logger_.get());
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
  return arrow::Status::OK();
}

arrow::Status Node::SetLocation() {
  const arrow::Status set = dispatcher_->SetLocation(location_);
  return set.ok() ? set : set.WithMessage(set.message(), " (setting advertise_host of [server])");
}

int Node::port() const {
  return server_ == nullptr || server_->ports().empty() ? 0 : server_->ports().front();
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
  logger_->Info("longbow " LONGBOW_VERSION " is ready on " + where +
                    " (services: " + (services.empty() ? "none" : services) + ") in " +
                    Milliseconds(clock_.Now() - started_) + " ms",
                {{"node", node_id()}, {"location", location_}});
}

void Node::Shutdown() {
  if (shut_down_) return;
  shut_down_ = true;
  const MonotonicTime begin = clock_.Now();
  if (server_ != nullptr) {
    server_->SetServing(false);
    dispatcher_->BeginShutdown();
    // The transport waits for calls while this thread waits for it; where the grace time does not
    // do, cancelling the tasks gives the calls that wait for them an error of their own.
    auto transport_down = std::async(
        std::launch::async, [this] { server_->Shutdown(options_.shutdown_grace + kLastWords); });
    transport_down.wait_for(options_.shutdown_grace);
    tasks_->Shutdown();
    transport_down.get();
  }
  housekeeper_.reset();
  tasks_->Shutdown();
  modules_->Stop();
  if (server_ != nullptr) {
    logger_->Info("longbow has stopped in " + Milliseconds(clock_.Now() - begin) + " ms",
                  {{"node", node_id()}});
  }
}

}  // namespace longbow::server
