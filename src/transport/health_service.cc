#include "transport/health_service.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include <longbow/error.h>

namespace longbow::transport {
namespace {

constexpr std::string_view kCheck = "/grpc.health.v1.Health/Check";
constexpr std::string_view kWatch = "/grpc.health.v1.Health/Watch";
constexpr std::string_view kFlightService = "arrow.flight.protocol.FlightService";

// `HealthCheckResponse.ServingStatus`.
enum class Health : char { kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

// A `HealthCheckResponse`: its one field is the status.
Frame Response(Health health) {
  return Frame::FromString(std::string("\x08") + static_cast<char>(health));
}

// The one field of a `HealthCheckRequest`, the service's name; nothing where it is no such message.
std::optional<std::string> ServiceOf(std::string_view request) {
  if (request.empty()) return std::string();
  constexpr char kServiceTag = (1 << 3) | 2;
  // Names that are known are shorter than 128 bytes, and their length is one byte.
  if (request.size() < 2 || request[0] != kServiceTag) return std::nullopt;
  const auto size = static_cast<uint8_t>(request[1]);
  if (size >= 0x80 || request.size() != size + size_t{2}) return std::nullopt;
  return std::string(request.substr(2));
}

bool IsKnown(const std::optional<std::string>& service) {
  return service && (service->empty() || *service == kFlightService);
}

// All clients of a Unix socket have one name, and are no strangers.
bool IsNamed(const std::string& peer) { return !peer.starts_with("unix"); }

arrow::Status TooMany(const char* what) {
  return MakeError(ErrorCode::kBackpressure,
                   std::string("Too many ") + what +
                       " of the health service are open; end watches that are not needed");
}

}  // namespace

/// The calls whose request is still to come, oldest first.
class HealthService::Asking {
 public:
  using Place = std::list<std::shared_ptr<Call>>::iterator;

  /// Until `Remove`.
  Place Add(std::shared_ptr<Call> call) {
    std::shared_ptr<Call> oldest;
    Place place;
    {
      std::lock_guard lock(mutex_);
      place = calls_.insert(calls_.end(), std::move(call));
      if (++waiting_ > kMaxAsking) oldest = TakeOldest();
    }
    if (oldest) oldest->Finish(TooMany("calls"));
    return place;
  }

  void Remove(Place place) {
    std::lock_guard lock(mutex_);
    if (*place) --waiting_;
    calls_.erase(place);
  }

 private:
  // Its place stays, empty, until its read has ended.
  std::shared_ptr<Call> TakeOldest() {
    auto oldest = calls_.begin();
    while (!*oldest) ++oldest;
    --waiting_;
    return std::move(*oldest);
  }

  std::mutex mutex_;
  std::list<std::shared_ptr<Call>> calls_;
  size_t waiting_ = 0;
};

/// The state, and the watches of it.
class HealthService::Watchers : public std::enable_shared_from_this<Watchers> {
 public:
  Health health() {
    std::lock_guard lock(mutex_);
    return health_;
  }

  void Add(std::shared_ptr<Call> call, bool known) {
    auto watch = std::make_shared<Watch>(std::move(call), known);
    if (const arrow::Status listed = List(watch); !listed.ok()) return watch->call->Finish(listed);
    watch->call->SetCancelCallback([self = shared_from_this(), watch] { self->Remove(watch); });
    Tell(watch);
  }

  void Set(Health health) {
    std::list<std::shared_ptr<Watch>> watches;
    {
      std::lock_guard lock(mutex_);
      health_ = health;
      watches = watches_;
    }
    for (const auto& watch : watches) Tell(watch);
  }

  void Stop() {
    std::list<std::shared_ptr<Watch>> watches;
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      watches.swap(watches_);
    }
    for (const auto& watch : watches) watch->call->Finish(Stopping());
  }

 private:
  struct Watch {
    Watch(std::shared_ptr<Call> watched, bool is_known)
        : call(std::move(watched)), known(is_known) {}
    const std::shared_ptr<Call> call;
    const bool known;  ///< the service that it asks for
    std::optional<Health> told;
    bool telling = false;
  };

  static arrow::Status Stopping() {
    return MakeError(ErrorCode::kShuttingDown, "The server is shutting down; try another node");
  }

  arrow::Status List(const std::shared_ptr<Watch>& watch) {
    std::lock_guard lock(mutex_);
    if (stopped_) return Stopping();
    if (watches_.size() == kMaxWatches) return TooMany("watches");
    const std::string& peer = watch->call->peer();
    if (IsNamed(peer)) {
      size_t& count = by_peer_[peer];
      if (count == kMaxWatchesOfPeer) return TooMany("watches over this connection");
      ++count;
    }
    watches_.push_back(watch);
    return arrow::Status::OK();
  }

  /// Writes the state to a watcher that does not know it. A slow one gets the newest only.
  void Tell(const std::shared_ptr<Watch>& watch) {
    Health health;
    {
      std::lock_guard lock(mutex_);
      health = watch->known ? health_ : Health::kServiceUnknown;
      if (watch->telling || watch->told == health) return;
      watch->telling = true;
      watch->told = health;
    }
    watch->call->Write(Response(health), WriteHint::kFlush,
                       [self = shared_from_this(), watch](bool ok) {
                         {
                           std::lock_guard lock(self->mutex_);
                           watch->telling = false;
                         }
                         if (ok) self->Tell(watch);
                       });
  }

  void Remove(const std::shared_ptr<Watch>& watch) {
    watch->call->Finish(MakeError(ErrorCode::kCommandCancelled, "The watcher is gone"));
    std::lock_guard lock(mutex_);
    if (watches_.remove(watch) == 0) return;
    const auto count = by_peer_.find(watch->call->peer());
    if (count != by_peer_.end() && --count->second == 0) by_peer_.erase(count);
  }

  std::mutex mutex_;
  Health health_ = Health::kNotServing;
  bool stopped_ = false;
  std::list<std::shared_ptr<Watch>> watches_;
  std::map<std::string, size_t> by_peer_;  // how many of watches_
};

HealthService::HealthService()
    : asking_(std::make_shared<Asking>()), watchers_(std::make_shared<Watchers>()) {}

HealthService::~HealthService() { Stop(); }

bool HealthService::Has(std::string_view path) { return path == kCheck || path == kWatch; }

void HealthService::Serve(std::string_view path, std::shared_ptr<Call> call) {
  const bool watch = path == kWatch;
  const Asking::Place place = asking_->Add(call);
  call->ReadBytes([asking = asking_, watchers = watchers_, call, watch, place](
                      ReadOutcome outcome, const std::string& request) {
    asking->Remove(place);
    if (outcome == ReadOutcome::kBroken) {
      return call->Finish(MakeError(ErrorCode::kCommandCancelled, "The caller is gone"));
    }
    const bool known = IsKnown(ServiceOf(request));
    if (watch) return watchers->Add(call, known);
    if (!known) {
      return call->Finish(MakeError(ErrorCode::kNotFound, "There is no such service here"));
    }
    call->WriteAndFinish(Response(watchers->health()));
  });
}

void HealthService::SetServing(bool serving) {
  watchers_->Set(serving ? Health::kServing : Health::kNotServing);
}

void HealthService::Stop() { watchers_->Stop(); }

}  // namespace longbow::transport
