/// \file
/// Every message beside commands and tickets, as typed values: metadata of a FlightInfo, options
/// and receipts of a put, the body of POLL, criteria, and the bodies and answers of actions.
///
/// proto/longbow/v1 says what the members mean. All functions are pure and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <longbow/clock.h>
#include <longbow/flight_path.h>
#include <longbow/flight_store.h>
#include <longbow/service.h>

#include "payload/command.h"

namespace longbow {

/// `app_metadata` of a FlightInfo.
struct FlightInfoMetadata {
  std::string task;  ///< empty of a flight by path
  std::string node;
  /// No work was done for this answer; then the two below say from when and where.
  bool reused = false;
  std::optional<WallTime> reused_since;
  std::string reused_node;
  std::optional<FlightPath> path;  ///< of a stored flight, as the two below
  int64_t revision = 0;
  std::optional<WallTime> created;
};

/// `app_metadata` of the first message of a put by path.
struct PutOptions {
  std::optional<int64_t> ttl_sec;
  IfExists if_exists = IfExists::kError;
  ResultMetadata metadata;
};

/// What a put answers, three times: `ACCEPTED`, `RECEIVED`, and `STORED` with size and revision.
/// The path is absent where a service took the data.
struct PutReceipt {
  std::string state;
  std::optional<FlightPath> path;
  int64_t revision = 0;
  int64_t rows = 0;
  int64_t bytes = 0;
  bool reused = false;
};

/// The body of POLL: serialised messages of Flight; an empty one is absent.
///
/// The published client of `gooddata-flight-server` reads its `flight_info` with the parser of
/// descriptors, and fails on an honest FlightInfo. So on the way out two bytes go before it, which
/// a reader of FlightInfo skips as an unknown field; this works as long as it has no endpoints yet.
struct PollBody {
  std::string flight_info;
  std::string retry_descriptor;
  std::string cancel_descriptor;
};

/// Criteria of ListFlights.
struct ListCriteria {
  std::vector<std::string> prefix;
  std::string service;
  std::optional<int64_t> limit;
};

struct HealthCheckRequest {};
struct HealthCheckAnswer {
  std::string status;  ///< `SERVING`, `STARTING` or `STOPPING`
  std::string node;
  std::string version;
  std::vector<std::string> problems;
};

/// A path, or a command of which only the service counts.
struct GetLocationsRequest {
  InputSource of;
};
struct NodeLocation {
  std::string node;
  std::vector<std::string> uris;
};
/// Also the body of BAD_REQUEST.
struct LocationsAnswer {
  std::vector<NodeLocation> locations;
};

struct ListNodesRequest {};
struct NodeEntry {
  std::string node;
  std::vector<std::string> uris;
  std::string version;
  std::string status;  ///< as of HealthCheck
  std::optional<WallTime> started;
  std::vector<std::string> services;
};
struct ListNodesAnswer {
  std::vector<NodeEntry> nodes;
};

struct ListServicesRequest {};
struct ServiceEntry {
  ServiceDescription description;
  std::vector<std::string> nodes;
};
struct ListServicesAnswer {
  std::vector<ServiceEntry> services;
};

/// Answered by a `StoredFlightInfo`.
struct DescribeFlightRequest {
  FlightPath path;
  std::optional<int64_t> revision;
};

/// Exactly one of the two is not empty.
struct DeleteFlightsRequest {
  std::vector<FlightPath> paths;
  std::vector<std::string> prefix;
};
struct DeleteFlightsAnswer {
  int64_t deleted = 0;
  int64_t revision = 0;
};

struct CancelTaskRequest {
  TaskReference task;
};
struct CancelTaskAnswer {
  std::string state;
};

struct ListTasksRequest {
  std::string service;  ///< empty: all
  std::optional<int64_t> limit;
};
struct TaskEntry {
  std::string task;
  std::string node;
  std::string service;
  std::string state;
  double progress = 0;
  std::optional<WallTime> created;
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string principal = {};  ///< the name of who sent the command; empty of a stranger's
  std::string waits_for = {};  ///< why it does not go on now; empty: it does
};
struct ListTasksAnswer {
  std::vector<TaskEntry> tasks;
};

/// Parses a message; `T` is one of the types above or `StoredFlightInfo`. Bytes that begin with `{`
/// are JSON, none at all an empty message in JSON, all others protobuf.
///
/// \param encoding if not null, gets how it was written; also on failure
/// Errors: BAD_ARGUMENT, naming the field.
template <typename T>
arrow::Result<T> ParseMessage(std::string_view bytes, Encoding* encoding = nullptr);

/// Bytes that `ParseMessage` turns into an equal message.
template <typename T>
std::string SerializeMessage(const T& message, Encoding encoding);

}  // namespace longbow
