/// \file
/// Apache Arrow's cross-language scenarios, one `FlightMethods` each. A scenario answers the calls
/// that its client makes, recognised by the descriptor, ticket or action, and leaves all others to
/// the next. What a client keeps between its calls (sessions, uploads, cancelled flights) is kept
/// for the life of the module. All are thread-safe.
#pragma once

#include <memory>

#include <longbow/clock.h>
#include <longbow/flight_methods.h>

namespace longbow::conformance {

/// `auth:basic_proto`: a handshake gives a token, without which an action is refused.
std::shared_ptr<FlightMethods> MakeAuthScenario();

/// `middleware`: the header `x-middleware` comes back, of a call that fails and of one that
/// succeeds.
std::shared_ptr<FlightMethods> MakeMiddlewareScenario();

/// `ordered`: three endpoints whose order counts.
std::shared_ptr<FlightMethods> MakeOrderedScenario();

/// `location:reuse_connection`: an endpoint on the same connection.
std::shared_ptr<FlightMethods> MakeReuseConnectionScenario();

/// `app_metadata_flight_info_endpoint`: metadata of an info and of its endpoint.
std::shared_ptr<FlightMethods> MakeAppMetadataScenario();

/// `poll_flight_info`: a query that is done when it is asked for the second time.
/// `clock` must outlive the result.
std::shared_ptr<FlightMethods> MakePollScenario(const Clock& clock);

/// The four `expiration_time:*`: endpoints that expire, are cancelled and are renewed.
/// `clock` must outlive the result.
std::shared_ptr<FlightMethods> MakeExpirationScenario(const Clock& clock);

/// `session_options`: options that a session, known by its cookie, keeps.
std::shared_ptr<FlightMethods> MakeSessionScenario();

/// The JSON data test: data that is put under a path comes back batch by batch.
std::shared_ptr<FlightMethods> MakeUploadScenario();

}  // namespace longbow::conformance
