/// \file
/// gRPC's health checking protocol (`grpc.health.v1.Health`), as load balancers and orchestrators
/// ask it.
///
/// gRPC has an implementation of its own, which brings its callback threads along: those would then
/// poll the sockets beside the threads that serve, and hand each event over to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "transport/call.h"

namespace longbow::transport {

/// Answers strangers, so all that they can keep open is bounded. Thread-safe. Calls may outlive it
/// if they have been stopped.
class HealthService {
 public:
  HealthService();
  ~HealthService();

  /// Calls whose request is still to come; one more ends the oldest of them with BACKPRESSURE, so
  /// that who sends the request with the call is always answered.
  static constexpr size_t kMaxAsking = 1000;
  /// Watches, and of them those over one connection; one more is refused with BACKPRESSURE.
  static constexpr size_t kMaxWatches = 1000;
  static constexpr size_t kMaxWatchesOfPeer = 100;
  /// Header fields of one call. It needs none of its own, but clients send their tokens with all
  /// calls; gRPC holds them for as long as it is open.
  static constexpr int64_t kMaxHeaderBytes = 32768;

  /// Whether `path`, such as `/grpc.health.v1.Health/Check`, is one of the service's methods.
  static bool Has(std::string_view path);

  /// Answers a call of the method with that path: `Check` at once, `Watch` for as long as its
  /// client likes.
  void Serve(std::string_view path, std::shared_ptr<Call> call);

  /// What is answered for `""` and for `arrow.flight.protocol.FlightService`: NOT_SERVING until
  /// this is called. Watchers are told of a change.
  void SetServing(bool serving);

  /// Ends all watches, and those that come later at once.
  void Stop();

 private:
  class Asking;
  class Watchers;
  const std::shared_ptr<Asking> asking_;
  const std::shared_ptr<Watchers> watchers_;
};

}  // namespace longbow::transport
