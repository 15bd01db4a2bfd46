// The bodies and answers of actions.

#include "longbow/v1/actions.pb.h"
#include "payload/command_parser.h"
#include "payload/field_check.h"
#include "payload/message_codec.h"
#include "payload/messages.h"

namespace longbow {
namespace {

/// For requests that say nothing.
template <typename T, typename ProtoType>
struct EmptyCodec {
  using Proto = ProtoType;
  static arrow::Result<T> Read(ObjectReader&, Encoding) { return T(); }
  static Value Write(const T&, Encoding) { return Value::Object(); }
};

arrow::Result<PayloadField::Type> ReadFieldType(ObjectReader& reader) {
  ARROW_ASSIGN_OR_RAISE(std::string name, reader.Text("type"));
  using Type = PayloadField::Type;
  for (Type type : {Type::kAny, Type::kBool, Type::kInt, Type::kNumber, Type::kString, Type::kList,
                    Type::kObject, Type::kListOrObject}) {
    if (name == FieldTypeName(type)) return type;
  }
  return reader.Error("type", " names no type");
}

}  // namespace

template <>
struct MessageCodec<HealthCheckRequest> : EmptyCodec<HealthCheckRequest, v1::HealthCheckRequest> {};
template <>
struct MessageCodec<ListNodesRequest> : EmptyCodec<ListNodesRequest, v1::ListNodesRequest> {};
template <>
struct MessageCodec<ListServicesRequest>
    : EmptyCodec<ListServicesRequest, v1::ListServicesRequest> {};

template <>
struct MessageCodec<HealthCheckAnswer> {
  using Proto = v1::HealthCheckAnswer;
  static arrow::Result<HealthCheckAnswer> Read(ObjectReader& reader, Encoding) {
    HealthCheckAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.status, reader.Text("status"));
    ARROW_ASSIGN_OR_RAISE(answer.node, reader.Text("node"));
    ARROW_ASSIGN_OR_RAISE(answer.version, reader.Text("version"));
    ARROW_ASSIGN_OR_RAISE(answer.problems, reader.Texts("problems"));
    return answer;
  }
  static Value Write(const HealthCheckAnswer& answer, Encoding) {
    return Value::Object{{"status", answer.status},
                         {"node", answer.node},
                         {"version", answer.version},
                         {"problems", TextsValue(answer.problems)}};
  }
};

template <>
struct MessageCodec<GetLocationsRequest> {
  using Proto = v1::GetLocationsRequest;
  static arrow::Result<GetLocationsRequest> Read(ObjectReader& reader, Encoding encoding) {
    // A copy reads: the parser refuses unknown members itself, and the caller asks for them again.
    ARROW_ASSIGN_OR_RAISE(InputSource of,
                          CommandParser(encoding, CommandLimits()).ReadSource(reader));
    ARROW_RETURN_NOT_OK(reader.Find("path"));
    ARROW_RETURN_NOT_OK(reader.Find("command"));
    return GetLocationsRequest{std::move(of)};
  }
  static Value Write(const GetLocationsRequest& request, Encoding encoding) {
    if (const auto* path = std::get_if<FlightPath>(&request.of)) {
      return Value::Object{{"path", PathValue(*path)}};
    }
    const auto& command = *std::get<std::shared_ptr<const Command>>(request.of);
    return Value::Object{{"command", CommandValue(command, encoding)}};
  }
};

template <>
struct MessageCodec<NodeLocation> {
  static arrow::Result<NodeLocation> Read(ObjectReader& reader, Encoding) {
    NodeLocation location;
    ARROW_ASSIGN_OR_RAISE(location.node, reader.Text("node"));
    ARROW_ASSIGN_OR_RAISE(location.uris, reader.Texts("uris"));
    return location;
  }
  static Value Write(const NodeLocation& location, Encoding) {
    return Value::Object{{"node", location.node}, {"uris", TextsValue(location.uris)}};
  }
};

template <>
struct MessageCodec<LocationsAnswer> {
  using Proto = v1::LocationsAnswer;
  static arrow::Result<LocationsAnswer> Read(ObjectReader& reader, Encoding encoding) {
    LocationsAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.locations, ReadList<NodeLocation>(reader, "locations", encoding));
    return answer;
  }
  static Value Write(const LocationsAnswer& answer, Encoding encoding) {
    return Value::Object{{"locations", ListValue(answer.locations, encoding)}};
  }
};

template <>
struct MessageCodec<NodeEntry> {
  static arrow::Result<NodeEntry> Read(ObjectReader& reader, Encoding) {
    NodeEntry node;
    ARROW_ASSIGN_OR_RAISE(node.node, reader.Text("node"));
    ARROW_ASSIGN_OR_RAISE(node.uris, reader.Texts("uris"));
    ARROW_ASSIGN_OR_RAISE(node.version, reader.Text("version"));
    ARROW_ASSIGN_OR_RAISE(node.status, reader.Text("status"));
    ARROW_ASSIGN_OR_RAISE(node.started, ReadTime(reader, "started"));
    ARROW_ASSIGN_OR_RAISE(node.services, reader.Texts("services"));
    return node;
  }
  static Value Write(const NodeEntry& node, Encoding) {
    Value::Object object{{"node", node.node},
                         {"uris", TextsValue(node.uris)},
                         {"version", node.version},
                         {"status", node.status},
                         {"services", TextsValue(node.services)}};
    if (node.started.has_value()) object.emplace("started", TimeValue(*node.started));
    return object;
  }
};

template <>
struct MessageCodec<ListNodesAnswer> {
  using Proto = v1::ListNodesAnswer;
  static arrow::Result<ListNodesAnswer> Read(ObjectReader& reader, Encoding encoding) {
    ListNodesAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.nodes, ReadList<NodeEntry>(reader, "nodes", encoding));
    return answer;
  }
  static Value Write(const ListNodesAnswer& answer, Encoding encoding) {
    return Value::Object{{"nodes", ListValue(answer.nodes, encoding)}};
  }
};

template <>
struct MessageCodec<PayloadField> {
  static arrow::Result<PayloadField> Read(ObjectReader& reader, Encoding) {
    PayloadField field;
    ARROW_ASSIGN_OR_RAISE(field.name, reader.Text("name"));
    ARROW_ASSIGN_OR_RAISE(field.type, ReadFieldType(reader));
    ARROW_ASSIGN_OR_RAISE(field.required, reader.Bool("required"));
    ARROW_ASSIGN_OR_RAISE(field.summary, reader.Text("summary"));
    return field;
  }
  static Value Write(const PayloadField& field, Encoding) {
    return Value::Object{{"name", field.name},
                         {"type", FieldTypeName(field.type)},
                         {"required", field.required},
                         {"summary", field.summary}};
  }
};

template <>
struct MessageCodec<ServiceEntry> {
  static arrow::Result<ServiceEntry> Read(ObjectReader& reader, Encoding encoding) {
    ServiceEntry service;
    ARROW_ASSIGN_OR_RAISE(service.description.name, reader.Text("name"));
    ARROW_ASSIGN_OR_RAISE(service.description.version, reader.Text("version"));
    ARROW_ASSIGN_OR_RAISE(service.description.summary, reader.Text("summary"));
    ARROW_ASSIGN_OR_RAISE(service.description.fields,
                          ReadList<PayloadField>(reader, "fields", encoding));
    ARROW_ASSIGN_OR_RAISE(service.description.takes_inputs, reader.Bool("takesInputs"));
    ARROW_ASSIGN_OR_RAISE(service.nodes, reader.Texts("nodes"));
    return service;
  }
  static Value Write(const ServiceEntry& service, Encoding encoding) {
    const ServiceDescription& description = service.description;
    return Value::Object{{"name", description.name},
                         {"version", description.version},
                         {"summary", description.summary},
                         {"fields", ListValue(description.fields, encoding)},
                         {"takesInputs", description.takes_inputs},
                         {"nodes", TextsValue(service.nodes)}};
  }
};

template <>
struct MessageCodec<ListServicesAnswer> {
  using Proto = v1::ListServicesAnswer;
  static arrow::Result<ListServicesAnswer> Read(ObjectReader& reader, Encoding encoding) {
    ListServicesAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.services, ReadList<ServiceEntry>(reader, "services", encoding));
    return answer;
  }
  static Value Write(const ListServicesAnswer& answer, Encoding encoding) {
    return Value::Object{{"services", ListValue(answer.services, encoding)}};
  }
};

template <>
struct MessageCodec<DescribeFlightRequest> {
  using Proto = v1::DescribeFlightRequest;
  static arrow::Result<DescribeFlightRequest> Read(ObjectReader& reader, Encoding) {
    ARROW_ASSIGN_OR_RAISE(std::optional<FlightPath> path, reader.Path("path"));
    ARROW_ASSIGN_OR_RAISE(std::optional<int64_t> revision, reader.Int("revision", 0));
    // A misspelt path is the likelier mistake than none.
    ARROW_RETURN_NOT_OK(reader.RefuseOthers());
    if (!path.has_value()) return reader.Error("path", " is missing: name the flight");
    return DescribeFlightRequest{*std::move(path), revision};
  }
  static Value Write(const DescribeFlightRequest& request, Encoding) {
    Value::Object object{{"path", PathValue(request.path)}};
    if (request.revision.has_value()) object.emplace("revision", *request.revision);
    return object;
  }
};

template <>
struct MessageCodec<DeleteFlightsRequest> {
  using Proto = v1::DeleteFlightsRequest;
  static arrow::Result<DeleteFlightsRequest> Read(ObjectReader& reader, Encoding) {
    DeleteFlightsRequest request;
    ARROW_ASSIGN_OR_RAISE(request.paths, reader.Paths("paths"));
    ARROW_ASSIGN_OR_RAISE(request.prefix, reader.Prefix("prefix"));
    ARROW_RETURN_NOT_OK(reader.RefuseOthers());
    if (request.paths.empty() == request.prefix.empty()) {
      return MakeError(ErrorCode::kBadArgument,
                       "Say what to delete: either paths or prefix, and not an empty one");
    }
    return request;
  }
  static Value Write(const DeleteFlightsRequest& request, Encoding) {
    Value::Object object;
    Value::List paths;
    for (const FlightPath& path : request.paths) paths.push_back(PathValue(path));
    if (!paths.empty()) object.emplace("paths", std::move(paths));
    if (!request.prefix.empty()) object.emplace("prefix", TextsValue(request.prefix));
    return object;
  }
};

template <>
struct MessageCodec<DeleteFlightsAnswer> {
  using Proto = v1::DeleteFlightsAnswer;
  static arrow::Result<DeleteFlightsAnswer> Read(ObjectReader& reader, Encoding) {
    DeleteFlightsAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.deleted, ReadCount(reader, "deleted"));
    ARROW_ASSIGN_OR_RAISE(answer.revision, ReadCount(reader, "revision"));
    return answer;
  }
  static Value Write(const DeleteFlightsAnswer& answer, Encoding) {
    return Value::Object{{"deleted", answer.deleted}, {"revision", answer.revision}};
  }
};

template <>
struct MessageCodec<CancelTaskRequest> {
  using Proto = v1::CancelTaskRequest;
  static arrow::Result<CancelTaskRequest> Read(ObjectReader& reader, Encoding) {
    ARROW_ASSIGN_OR_RAISE(TaskReference task, ReadTaskReference(reader));
    ARROW_RETURN_NOT_OK(reader.Find("task"));
    ARROW_RETURN_NOT_OK(reader.Find("node"));
    return CancelTaskRequest{std::move(task)};
  }
  static Value Write(const CancelTaskRequest& request, Encoding) {
    return TaskReferenceValue(request.task);
  }
};

template <>
struct MessageCodec<CancelTaskAnswer> {
  using Proto = v1::CancelTaskAnswer;
  static arrow::Result<CancelTaskAnswer> Read(ObjectReader& reader, Encoding) {
    CancelTaskAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.state, reader.Text("state"));
    return answer;
  }
  static Value Write(const CancelTaskAnswer& answer, Encoding) {
    return Value::Object{{"state", answer.state}};
  }
};

template <>
struct MessageCodec<ListTasksRequest> {
  using Proto = v1::ListTasksRequest;
  static arrow::Result<ListTasksRequest> Read(ObjectReader& reader, Encoding) {
    ListTasksRequest request;
    ARROW_ASSIGN_OR_RAISE(request.service, reader.Name("service"));
    ARROW_ASSIGN_OR_RAISE(request.limit, reader.Int("limit", 0));
    return request;
  }
  static Value Write(const ListTasksRequest& request, Encoding) {
    Value::Object object;
    if (!request.service.empty()) object.emplace("service", request.service);
    if (request.limit.has_value()) object.emplace("limit", *request.limit);
    return object;
  }
};

template <>
struct MessageCodec<TaskEntry> {
  static arrow::Result<TaskEntry> Read(ObjectReader& reader, Encoding) {
    TaskEntry task;
    ARROW_ASSIGN_OR_RAISE(task.task, reader.Text("task"));
    ARROW_ASSIGN_OR_RAISE(task.node, reader.Text("node"));
    ARROW_ASSIGN_OR_RAISE(task.service, reader.Text("service"));
    ARROW_ASSIGN_OR_RAISE(task.state, reader.Text("state"));
    ARROW_ASSIGN_OR_RAISE(task.progress, reader.Number("progress"));
    ARROW_ASSIGN_OR_RAISE(task.created, ReadTime(reader, "created"));
    ARROW_ASSIGN_OR_RAISE(task.rows, ReadCount(reader, "rows"));
    ARROW_ASSIGN_OR_RAISE(task.bytes, ReadCount(reader, "bytes"));
    ARROW_ASSIGN_OR_RAISE(task.principal, reader.Text("principal"));
    ARROW_ASSIGN_OR_RAISE(task.waits_for, reader.Text("waitsFor"));
    return task;
  }
  static Value Write(const TaskEntry& task, Encoding) {
    Value::Object object{{"task", task.task},         {"node", task.node},
                         {"service", task.service},   {"state", task.state},
                         {"progress", task.progress}, {"rows", task.rows},
                         {"bytes", task.bytes},       {"principal", task.principal}};
    if (!task.waits_for.empty()) object.emplace("waitsFor", task.waits_for);
    if (task.created.has_value()) object.emplace("created", TimeValue(*task.created));
    return object;
  }
};

template <>
struct MessageCodec<ListTasksAnswer> {
  using Proto = v1::ListTasksAnswer;
  static arrow::Result<ListTasksAnswer> Read(ObjectReader& reader, Encoding encoding) {
    ListTasksAnswer answer;
    ARROW_ASSIGN_OR_RAISE(answer.tasks, ReadList<TaskEntry>(reader, "tasks", encoding));
    return answer;
  }
  static Value Write(const ListTasksAnswer& answer, Encoding encoding) {
    return Value::Object{{"tasks", ListValue(answer.tasks, encoding)}};
  }
};

LONGBOW_INSTANTIATE_MESSAGE(HealthCheckRequest);
LONGBOW_INSTANTIATE_MESSAGE(HealthCheckAnswer);
LONGBOW_INSTANTIATE_MESSAGE(GetLocationsRequest);
LONGBOW_INSTANTIATE_MESSAGE(LocationsAnswer);
LONGBOW_INSTANTIATE_MESSAGE(ListNodesRequest);
LONGBOW_INSTANTIATE_MESSAGE(ListNodesAnswer);
LONGBOW_INSTANTIATE_MESSAGE(ListServicesRequest);
LONGBOW_INSTANTIATE_MESSAGE(ListServicesAnswer);
LONGBOW_INSTANTIATE_MESSAGE(DescribeFlightRequest);
LONGBOW_INSTANTIATE_MESSAGE(DeleteFlightsRequest);
LONGBOW_INSTANTIATE_MESSAGE(DeleteFlightsAnswer);
LONGBOW_INSTANTIATE_MESSAGE(CancelTaskRequest);
LONGBOW_INSTANTIATE_MESSAGE(CancelTaskAnswer);
LONGBOW_INSTANTIATE_MESSAGE(ListTasksRequest);
LONGBOW_INSTANTIATE_MESSAGE(ListTasksAnswer);

}  // namespace longbow
