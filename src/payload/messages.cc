#include "payload/messages.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>

#include "base/base64.h"
#include "longbow/v1/actions.pb.h"
#include "longbow/v1/error.pb.h"
#include "longbow/v1/flight_info.pb.h"
#include "payload/command_parser.h"
#include "payload/message_codec.h"

namespace longbow {
namespace {

void PutText(Value::Object* object, const char* name, const std::string& text) {
  if (!text.empty()) object->emplace(name, text);
}

Value ColumnsValue(const arrow::Schema& schema) {
  Value::List columns;
  for (const std::shared_ptr<arrow::Field>& field : schema.fields()) {
    columns.push_back(Value::Object{{"name", field->name()},
                                    {"type", field->type()->ToString()},
                                    {"nullable", field->nullable()}});
  }
  return columns;
}

arrow::Result<std::shared_ptr<arrow::Schema>> ReadIpcSchema(ObjectReader& reader) {
  ARROW_ASSIGN_OR_RAISE(std::string bytes, reader.Bytes("schema"));
  if (bytes.empty()) return std::shared_ptr<arrow::Schema>();
  arrow::io::BufferReader stream(arrow::Buffer::FromString(std::move(bytes)));
  arrow::ipc::DictionaryMemo memo;
  arrow::Result<std::shared_ptr<arrow::Schema>> schema = arrow::ipc::ReadSchema(&stream, &memo);
  if (!schema.ok()) return reader.Error("schema", ": " + schema.status().message());
  return schema;
}

/// Reads as FlightDescriptor's type CMD (field 1, a number), and in a FlightInfo, whose field 1 is
/// no number, as an unknown field.
constexpr std::string_view kDescriptorMark("\x08\x02", 2);

}  // namespace

template <>
struct MessageCodec<FlightInfoMetadata> {
  using Proto = v1::FlightInfoMetadata;

  static arrow::Result<FlightInfoMetadata> Read(ObjectReader& reader, Encoding) {
    FlightInfoMetadata metadata;
    ARROW_ASSIGN_OR_RAISE(metadata.task, reader.Text("task"));
    ARROW_ASSIGN_OR_RAISE(metadata.node, reader.Text("node"));
    ARROW_ASSIGN_OR_RAISE(metadata.path, reader.Path("path"));
    ARROW_ASSIGN_OR_RAISE(metadata.revision, ReadCount(reader, "revision"));
    ARROW_ASSIGN_OR_RAISE(metadata.created, ReadTime(reader, "created"));
    ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> reused, reader.Object("reused"));
    if (!reused.has_value()) return metadata;
    metadata.reused = true;
    ARROW_ASSIGN_OR_RAISE(metadata.reused_since, ReadTime(*reused, "since"));
    ARROW_ASSIGN_OR_RAISE(metadata.reused_node, reused->Text("node"));
    // Where it was reused from is the flight that the metadata names already.
    ARROW_RETURN_NOT_OK(reused->Find("path"));
    ARROW_RETURN_NOT_OK(reused->Find("revision"));
    ARROW_RETURN_NOT_OK(reused->RefuseOthers());
    return metadata;
  }

  static Value Write(const FlightInfoMetadata& metadata, Encoding) {
    Value::Object object;
    PutText(&object, "task", metadata.task);
    PutText(&object, "node", metadata.node);
    if (metadata.path.has_value()) {
      object.emplace("path", PathValue(*metadata.path));
      object.emplace("revision", metadata.revision);
    }
    if (metadata.created.has_value()) object.emplace("created", TimeValue(*metadata.created));
    if (!metadata.reused) return object;
    Value::Object reused;
    if (metadata.reused_since.has_value()) {
      reused.emplace("since", TimeValue(*metadata.reused_since));
    }
    PutText(&reused, "node", metadata.reused_node);
    if (metadata.path.has_value()) {
      reused.emplace("path", PathValue(*metadata.path));
      reused.emplace("revision", metadata.revision);
    }
    object.emplace("reused", std::move(reused));
    return object;
  }
};

template <>
struct MessageCodec<PutOptions> {
  using Proto = v1::PutOptions;

  static arrow::Result<PutOptions> Read(ObjectReader& reader, Encoding) {
    PutOptions options;
    ARROW_ASSIGN_OR_RAISE(options.ttl_sec, ReadTtl(&reader, "ttlSec"));
    ARROW_ASSIGN_OR_RAISE(options.if_exists, ReadIfExists(&reader, "ifExists"));
    ARROW_ASSIGN_OR_RAISE(std::optional<ObjectReader> metadata, reader.Object("metadata"));
    if (metadata.has_value()) {
      ARROW_ASSIGN_OR_RAISE(options.metadata, ReadResultMetadata(*std::move(metadata)));
    }
    return options;
  }

  static Value Write(const PutOptions& options, Encoding) {
    Value::Object object;
    if (options.ttl_sec.has_value()) object.emplace("ttlSec", *options.ttl_sec);
    if (options.if_exists != IfExists::kError) {
      object.emplace("ifExists", IfExistsName(options.if_exists));
    }
    Value::Object metadata = ResultMetadataValue(options.metadata);
    if (!metadata.empty()) object.emplace("metadata", std::move(metadata));
    return object;
  }
};

template <>
struct MessageCodec<PutReceipt> {
  using Proto = v1::PutReceipt;

  static arrow::Result<PutReceipt> Read(ObjectReader& reader, Encoding) {
    PutReceipt receipt;
    ARROW_ASSIGN_OR_RAISE(receipt.path, reader.Path("path"));
    ARROW_ASSIGN_OR_RAISE(receipt.revision, ReadCount(reader, "revision"));
    ARROW_ASSIGN_OR_RAISE(receipt.rows, ReadCount(reader, "rows"));
    ARROW_ASSIGN_OR_RAISE(receipt.bytes, ReadCount(reader, "bytes"));
    ARROW_ASSIGN_OR_RAISE(receipt.reused, reader.Bool("reused"));
    ARROW_ASSIGN_OR_RAISE(receipt.state, reader.Text("state"));
    return receipt;
  }

  static Value Write(const PutReceipt& receipt, Encoding) {
    Value::Object object{{"state", receipt.state},
                         {"revision", receipt.revision},
                         {"rows", receipt.rows},
                         {"bytes", receipt.bytes},
                         {"reused", receipt.reused}};
    if (receipt.path.has_value()) object.emplace("path", PathValue(*receipt.path));
    return object;
  }
};

template <>
struct MessageCodec<PollBody> {
  using Proto = v1::PollBody;

  static arrow::Result<PollBody> Read(ObjectReader& reader, Encoding) {
    PollBody body;
    ARROW_ASSIGN_OR_RAISE(body.flight_info, reader.Bytes("flight_info"));
    ARROW_ASSIGN_OR_RAISE(body.retry_descriptor, reader.Bytes("retry_descriptor"));
    ARROW_ASSIGN_OR_RAISE(body.cancel_descriptor, reader.Bytes("cancel_descriptor"));
    if (body.flight_info.compare(0, kDescriptorMark.size(), kDescriptorMark) == 0) {
      body.flight_info.erase(0, kDescriptorMark.size());
    }
    return body;
  }

  static Value Write(const PollBody& body, Encoding encoding) {
    Value::Object object;
    std::string flight_info = body.flight_info;
    // See `PollBody`; those clients read JSON only.
    if (encoding == Encoding::kJson && !flight_info.empty()) {
      flight_info.insert(0, kDescriptorMark);
    }
    PutText(&object, "flight_info", EncodeBase64(flight_info));
    PutText(&object, "retry_descriptor", EncodeBase64(body.retry_descriptor));
    PutText(&object, "cancel_descriptor", EncodeBase64(body.cancel_descriptor));
    return object;
  }
};

template <>
struct MessageCodec<StoredFlightInfo> {
  using Proto = v1::StoredFlight;

  static arrow::Result<StoredFlightInfo> Read(ObjectReader& reader, Encoding) {
    ARROW_ASSIGN_OR_RAISE(std::optional<FlightPath> path, reader.Path("path"));
    if (!path.has_value()) return reader.Error("path", " is missing");
    StoredFlightInfo info{*std::move(path), 0, nullptr, 0, 0, {}, {}};
    ARROW_ASSIGN_OR_RAISE(info.revision, ReadCount(reader, "revision"));
    ARROW_ASSIGN_OR_RAISE(info.rows, ReadCount(reader, "rows"));
    ARROW_ASSIGN_OR_RAISE(info.bytes, ReadCount(reader, "bytes"));
    ARROW_ASSIGN_OR_RAISE(std::optional<WallTime> created, ReadTime(reader, "created"));
    info.created = created.value_or(WallTime());
    ARROW_ASSIGN_OR_RAISE(info.expires, ReadTime(reader, "expires"));
    ARROW_ASSIGN_OR_RAISE(info.schema, ReadIpcSchema(reader));
    // For people; the schema says the same.
    ARROW_RETURN_NOT_OK(reader.Find("columns"));
    return info;
  }

  static Value Write(const StoredFlightInfo& info, Encoding) {
    Value::Object object{{"path", PathValue(info.path)},
                         {"revision", info.revision},
                         {"rows", info.rows},
                         {"bytes", info.bytes},
                         {"created", TimeValue(info.created)}};
    if (info.expires.has_value()) object.emplace("expires", TimeValue(*info.expires));
    if (info.schema == nullptr) return object;
    object.emplace("columns", ColumnsValue(*info.schema));
    // Only memory that runs out can make this fail; the columns are there still.
    if (auto schema = arrow::ipc::SerializeSchema(*info.schema); schema.ok()) {
      object.emplace("schema", EncodeBase64(std::string_view(**schema)));
    }
    return object;
  }
};

template <>
struct MessageCodec<ListCriteria> {
  using Proto = v1::ListCriteria;

  static arrow::Result<ListCriteria> Read(ObjectReader& reader, Encoding) {
    ListCriteria criteria;
    ARROW_ASSIGN_OR_RAISE(criteria.prefix, reader.Prefix("prefix"));
    ARROW_ASSIGN_OR_RAISE(criteria.service, reader.Name("service"));
    ARROW_ASSIGN_OR_RAISE(criteria.limit, reader.Int("limit", 0));
    if (!criteria.prefix.empty() && !criteria.service.empty()) {
      return reader.Error(
          "prefix", " is of stored flights: leave out " + reader.PathOf("service") + " or it");
    }
    return criteria;
  }

  static Value Write(const ListCriteria& criteria, Encoding) {
    Value::Object object;
    if (!criteria.prefix.empty()) object.emplace("prefix", TextsValue(criteria.prefix));
    PutText(&object, "service", criteria.service);
    if (criteria.limit.has_value()) object.emplace("limit", *criteria.limit);
    return object;
  }
};

LONGBOW_INSTANTIATE_MESSAGE(FlightInfoMetadata);
LONGBOW_INSTANTIATE_MESSAGE(PutOptions);
LONGBOW_INSTANTIATE_MESSAGE(PutReceipt);
LONGBOW_INSTANTIATE_MESSAGE(PollBody);
LONGBOW_INSTANTIATE_MESSAGE(StoredFlightInfo);
LONGBOW_INSTANTIATE_MESSAGE(ListCriteria);

}  // namespace longbow
