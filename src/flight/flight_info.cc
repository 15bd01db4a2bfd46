#include "flight/flight_info.h"

#include <chrono>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/flight/types.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>

#include "payload/messages.h"
#include "payload/ticket.h"

namespace longbow::flight {
namespace {

using arrow::flight::FlightEndpoint;
using arrow::flight::FlightInfo;
using arrow::flight::Location;

arrow::flight::Timestamp ToFlightTime(WallTime time) {
  return std::chrono::time_point_cast<arrow::flight::Timestamp::duration>(time);
}

arrow::Result<FlightEndpoint> Endpoint(const NodeContext& node, std::string ticket) {
  FlightEndpoint endpoint;
  endpoint.ticket.ticket = std::move(ticket);
  if (!node.location.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto location, Location::Parse(node.location));
    endpoint.locations.push_back(std::move(location));
  }
  return endpoint;
}

/// A null schema and no endpoint: nothing is known yet.
arrow::Result<FlightInfo> MakeInfo(const std::shared_ptr<arrow::Schema>& schema,
                                   const InfoRequest& request,
                                   std::optional<FlightEndpoint> endpoint,
                                   std::pair<int64_t, int64_t> rows_and_bytes,
                                   const FlightInfoMetadata& metadata) {
  FlightInfo::Data data;
  if (schema) {
    ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::ipc::SerializeSchema(*schema));
    data.schema = bytes->ToString();
  }
  data.descriptor = request.descriptor;
  if (endpoint) data.endpoints.push_back(std::move(*endpoint));
  data.total_records = rows_and_bytes.first;
  data.total_bytes = rows_and_bytes.second;
  data.ordered = true;
  data.app_metadata = SerializeMessage(metadata, request.encoding);
  return FlightInfo(std::move(data));
}

}  // namespace

arrow::Result<FlightInfo> StoredInfo(const NodeContext& node, const InfoRequest& request,
                                     const StoredFlightInfo& stored, const std::string& task_id,
                                     bool reused) {
  ARROW_ASSIGN_OR_RAISE(auto endpoint,
                        Endpoint(node, SerializeTicket(FlightTicket{stored.path, stored.revision},
                                                       request.encoding)));
  // A stored flight can be read any number of times; Flight says so by an expiration.
  if (stored.expires) endpoint.expiration_time = ToFlightTime(*stored.expires);
  FlightInfoMetadata metadata;
  metadata.task = task_id;
  metadata.node = node.options.node_id;
  metadata.reused = reused;
  if (reused) {
    metadata.reused_since = stored.created;
    metadata.reused_node = node.options.node_id;
  }
  metadata.path = stored.path;
  metadata.revision = stored.revision;
  return MakeInfo(stored.schema, request, std::move(endpoint), {stored.rows, stored.bytes},
                  metadata);
}

arrow::Result<FlightInfo> TaskInfoMessage(const NodeContext& node, const InfoRequest& request,
                                          const Task& task, const Task::Outcome* outcome) {
  FlightInfoMetadata metadata;
  metadata.task = task.id();
  metadata.node = node.options.node_id;
  if (outcome == nullptr) return MakeInfo(nullptr, request, std::nullopt, {-1, -1}, metadata);
  TaskTicket ticket{{task.id(), node.options.node_id}};
  ARROW_ASSIGN_OR_RAISE(auto endpoint, Endpoint(node, SerializeTicket(ticket, request.encoding)));
  if (task.info().repeatable) endpoint.expiration_time = ToFlightTime(task.expires());
  return MakeInfo(outcome->schema, request, std::move(endpoint), {outcome->rows, outcome->bytes},
                  metadata);
}

}  // namespace longbow::flight
