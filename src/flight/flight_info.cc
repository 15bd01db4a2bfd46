#include "flight/flight_info.h"

#include <chrono>
#include <utility>

#include <arrow/buffer.h>
#include <arrow/flight/types.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>

#include "payload/messages.h"
#include "payload/ticket.h"

namespace longbow::flight {
namespace {

using arrow::flight::FlightEndpoint;
using arrow::flight::FlightInfo;

// What stands around an IPC message's metadata where it stands alone, at most.
constexpr int64_t kIpcPrefixAndPadding = 16;

arrow::flight::Timestamp ToFlightTime(WallTime time) {
  return std::chrono::time_point_cast<arrow::flight::Timestamp::duration>(time);
}

FlightEndpoint Endpoint(const NodeContext& node, std::string ticket) {
  FlightEndpoint endpoint;
  endpoint.ticket.ticket = std::move(ticket);
  endpoint.locations = node.endpoint_locations;
  return endpoint;
}

arrow::Result<std::string> SchemaBytes(const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::ipc::SerializeSchema(schema));
  return bytes->ToString();
}

/// No schema and no endpoint: nothing is known yet.
FlightInfo MakeInfo(std::string schema, const InfoRequest& request,
                    std::optional<FlightEndpoint> endpoint,
                    std::pair<int64_t, int64_t> rows_and_bytes,
                    const FlightInfoMetadata& metadata) {
  FlightInfo::Data data;
  data.schema = std::move(schema);
  data.descriptor = request.descriptor;
  if (endpoint) data.endpoints.push_back(std::move(*endpoint));
  data.total_records = rows_and_bytes.first;
  data.total_bytes = rows_and_bytes.second;
  data.ordered = true;
  data.app_metadata = SerializeMessage(metadata, request.encoding);
  return FlightInfo(std::move(data));
}

FlightInfo MakeStoredInfo(const NodeContext& node, const InfoRequest& request,
                          const StoredFlightInfo& stored, std::string schema,
                          const std::string& task_id, bool reused) {
  FlightEndpoint endpoint =
      Endpoint(node, SerializeTicket(FlightTicket{stored.path, stored.revision}, request.encoding));
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
  metadata.created = stored.created;
  return MakeInfo(std::move(schema), request, std::move(endpoint), {stored.rows, stored.bytes},
                  metadata);
}

}  // namespace

arrow::Result<std::string> EncapsulatedMetadata(const IpcMessage& message) {
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferOutputStream::Create(message.metadata->size() +
                                                                        kIpcPrefixAndPadding));
  int32_t written = 0;
  ARROW_RETURN_NOT_OK(arrow::ipc::WriteMessage(
      *message.metadata, arrow::ipc::IpcWriteOptions::Defaults(), out.get(), &written));
  ARROW_ASSIGN_OR_RAISE(auto bytes, out->Finish());
  return bytes->ToString();
}

arrow::Result<FlightInfo> StoredInfo(const NodeContext& node, const InfoRequest& request,
                                     const StoredFlightInfo& stored, const std::string& task_id,
                                     bool reused) {
  ARROW_ASSIGN_OR_RAISE(auto schema, SchemaBytes(*stored.schema));
  return MakeStoredInfo(node, request, stored, std::move(schema), task_id, reused);
}

arrow::Result<FlightInfo> StoredInfo(const NodeContext& node, const InfoRequest& request,
                                     const StoredFlight& flight, bool reused) {
  ARROW_ASSIGN_OR_RAISE(auto message, flight.message(0));
  ARROW_ASSIGN_OR_RAISE(auto schema, EncapsulatedMetadata(*message));
  return MakeStoredInfo(node, request, flight.info(), std::move(schema), "", reused);
}

arrow::Result<FlightInfo> TaskInfoMessage(const NodeContext& node, const InfoRequest& request,
                                          const Task& task, const Task::Outcome* outcome) {
  FlightInfoMetadata metadata;
  metadata.task = task.id();
  metadata.node = node.options.node_id;
  if (outcome == nullptr) return MakeInfo("", request, std::nullopt, {-1, -1}, metadata);
  TaskTicket ticket{{task.id(), node.options.node_id}};
  FlightEndpoint endpoint = Endpoint(node, SerializeTicket(ticket, request.encoding));
  ARROW_ASSIGN_OR_RAISE(auto schema, SchemaBytes(*outcome->schema));
  if (task.info().repeatable) endpoint.expiration_time = ToFlightTime(task.expires());
  return MakeInfo(std::move(schema), request, std::move(endpoint), {outcome->rows, outcome->bytes},
                  metadata);
}

}  // namespace longbow::flight
