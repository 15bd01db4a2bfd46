#include "payload/proto_value.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/stubs/common.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/time_util.h>

#include "base/base64.h"
#include "base/utf8.h"

namespace longbow {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

constexpr double kExactIntegers = 9007199254740992;  // 2^53

/// Walks a message; keeps where it is for errors.
class ToValue {
 public:
  explicit ToValue(ErrorCode code) : code_(code) {}

  arrow::Result<Value> Message(const pb::Message& message) {
    ARROW_RETURN_NOT_OK(Enter());
    arrow::Result<Value> result = Entered(message);
    --depth_;
    return result;
  }

 private:
  arrow::Status Enter() {
    if (++depth_ <= kMaxJsonDepth) return arrow::Status::OK();
    return MakeError(
        code_, "The message is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }

  arrow::Result<Value> Entered(const pb::Message& message) {
    const pb::Descriptor* type = message.GetDescriptor();
    if (type == pb::Struct::descriptor()) {
      return Struct(static_cast<const pb::Struct&>(message));
    }
    if (type == pb::ListValue::descriptor()) {
      return List(static_cast<const pb::ListValue&>(message));
    }
    if (type == pb::Timestamp::descriptor()) {
      const auto& time = static_cast<const pb::Timestamp&>(message);
      // `ToString` of one that is out of range does not return.
      if (time.seconds() < pb::util::TimeUtil::kTimestampMinSeconds ||
          time.seconds() > pb::util::TimeUtil::kTimestampMaxSeconds || time.nanos() < 0 ||
          time.nanos() > 999999999) {
        return MakeError(code_, "A time in the message is out of range");
      }
      return Value(pb::util::TimeUtil::ToString(time));
    }
    return Fields(message);
  }

  arrow::Result<Value> Fields(const pb::Message& message) {
    if (HasUnknownFields(message)) {
      const pb::UnknownFieldSet& fields = message.GetReflection()->GetUnknownFields(message);
      return MakeError(code_, "The message " + message.GetDescriptor()->name() + " has the field " +
                                  std::to_string(fields.field(0).number()) +
                                  ", which this version does not know");
    }
    std::vector<const FieldDescriptor*> present;
    message.GetReflection()->ListFields(message, &present);
    Value::Object object;
    for (const FieldDescriptor* field : present) {
      ARROW_ASSIGN_OR_RAISE(object[field->json_name()], Field(message, field));
    }
    return Value(std::move(object));
  }

  arrow::Result<Value> Field(const pb::Message& message, const FieldDescriptor* field) {
    if (field->is_map()) return Map(message, field);
    if (!field->is_repeated()) return Single(message, field);
    Value::List list;
    int size = message.GetReflection()->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      ARROW_ASSIGN_OR_RAISE(Value item, Repeated(message, field, i));
      list.push_back(std::move(item));
    }
    return Value(std::move(list));
  }

  /// All maps of the protocol have texts as keys and messages as values.
  arrow::Result<Value> Map(const pb::Message& message, const FieldDescriptor* field) {
    Value::Object object;
    int size = message.GetReflection()->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      const pb::Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
      const pb::Reflection* reflection = entry.GetReflection();
      std::string key = reflection->GetString(entry, field->message_type()->map_key());
      ARROW_ASSIGN_OR_RAISE(
          object[key], Message(reflection->GetMessage(entry, field->message_type()->map_value())));
    }
    return Value(std::move(object));
  }

  arrow::Result<Value> Single(const pb::Message& message, const FieldDescriptor* field) {
    const pb::Reflection* reflection = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return Value(reflection->GetBool(message, field));
      case FieldDescriptor::CPPTYPE_INT64:
        return Value(reflection->GetInt64(message, field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Value(reflection->GetDouble(message, field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return Enum(reflection->GetEnumValue(message, field), field);
      case FieldDescriptor::CPPTYPE_STRING:
        return Text(reflection->GetString(message, field), field);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Message(reflection->GetMessage(message, field));
      default:
        return NotUsed(field);
    }
  }

  arrow::Result<Value> Repeated(const pb::Message& message, const FieldDescriptor* field,
                                int index) {
    const pb::Reflection* reflection = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return Text(reflection->GetRepeatedString(message, field, index), field);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Message(reflection->GetRepeatedMessage(message, field, index));
      default:
        return NotUsed(field);
    }
  }

  static Value Text(std::string text, const FieldDescriptor* field) {
    if (field->type() == FieldDescriptor::TYPE_BYTES) return Value(EncodeBase64(text));
    return Value(std::move(text));
  }

  static Value Enum(int number, const FieldDescriptor* field) {
    const pb::EnumValueDescriptor* value = field->enum_type()->FindValueByNumber(number);
    return value != nullptr ? Value(value->name()) : Value(number);
  }

  arrow::Result<Value> NotUsed(const FieldDescriptor* field) {
    return MakeError(ErrorCode::kInternalError,
                     "The type of " + field->full_name() + " is not used by the protocol so far");
  }

  arrow::Result<Value> Struct(const pb::Struct& object) {
    Value::Object members;
    for (const auto& [key, value] : object.fields()) {
      ARROW_ASSIGN_OR_RAISE(members[key], Any(value));
    }
    return Value(std::move(members));
  }

  arrow::Result<Value> List(const pb::ListValue& list) {
    Value::List items;
    for (const pb::Value& value : list.values()) {
      ARROW_ASSIGN_OR_RAISE(Value item, Any(value));
      items.push_back(std::move(item));
    }
    return Value(std::move(items));
  }

  arrow::Result<Value> Any(const pb::Value& value) {
    switch (value.kind_case()) {
      case pb::Value::kBoolValue:
        return Value(value.bool_value());
      case pb::Value::kNumberValue: {
        double number = value.number_value();
        bool integral = std::trunc(number) == number && std::abs(number) <= kExactIntegers;
        // A negative zero is no integer.
        if (integral && !(number == 0 && std::signbit(number))) {
          return Value(static_cast<int64_t>(number));
        }
        return Value(number);
      }
      case pb::Value::kStringValue:
        return Value(value.string_value());
      case pb::Value::kStructValue:
        return Message(value.struct_value());
      case pb::Value::kListValue:
        return Message(value.list_value());
      default:
        return Value();
    }
  }

  const ErrorCode code_;
  int depth_ = 0;
};

bool FillMessage(const Value& value, pb::Message* message);

void FillAny(const Value& value, pb::Value* any) {
  switch (value.type()) {
    case Value::Type::kNull:
      any->set_null_value(pb::NULL_VALUE);
      return;
    case Value::Type::kBool:
      any->set_bool_value(value.as_bool());
      return;
    case Value::Type::kInt:
    case Value::Type::kDouble:
      any->set_number_value(value.as_double());
      return;
    case Value::Type::kString:
      any->set_string_value(ReplaceInvalidUtf8(value.as_string()));
      return;
    case Value::Type::kList:
      any->mutable_list_value();
      for (const Value& item : value.as_list()) {
        FillAny(item, any->mutable_list_value()->add_values());
      }
      return;
    case Value::Type::kObject:
      any->mutable_struct_value();
      for (const auto& [key, member] : value.as_object()) {
        FillAny(member, &(*any->mutable_struct_value()->mutable_fields())[ReplaceInvalidUtf8(key)]);
      }
      return;
  }
}

std::string TextOrBytes(const Value& value, const FieldDescriptor* field) {
  if (field->type() != FieldDescriptor::TYPE_BYTES) return ReplaceInvalidUtf8(value.as_string());
  return DecodeBase64(value.as_string()).value_or(std::string());
}

bool FillSingle(const Value& value, const FieldDescriptor* field, pb::Message* message) {
  const pb::Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection->SetBool(message, field, value.as_bool());
      return true;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection->SetInt64(message, field, value.as_int());
      return true;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      reflection->SetDouble(message, field, value.as_double());
      return true;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const pb::EnumValueDescriptor* number =
          field->enum_type()->FindValueByName(value.as_string());
      if (number == nullptr) return false;
      reflection->SetEnum(message, field, number);
      return true;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      reflection->SetString(message, field, TextOrBytes(value, field));
      return true;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FillMessage(value, reflection->MutableMessage(message, field));
    default:
      return false;
  }
}

bool FillRepeated(const Value::List& list, const FieldDescriptor* field, pb::Message* message) {
  const pb::Reflection* reflection = message->GetReflection();
  for (const Value& item : list) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection->AddString(message, field, TextOrBytes(item, field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!FillMessage(item, reflection->AddMessage(message, field))) return false;
    } else {
      return false;
    }
  }
  return true;
}

bool FillMap(const Value::Object& object, const FieldDescriptor* field, pb::Message* message) {
  for (const auto& [key, value] : object) {
    pb::Message* entry = message->GetReflection()->AddMessage(message, field);
    const pb::Reflection* reflection = entry->GetReflection();
    const pb::Descriptor* type = field->message_type();
    reflection->SetString(entry, type->map_key(), ReplaceInvalidUtf8(key));
    if (!FillMessage(value, reflection->MutableMessage(entry, type->map_value()))) return false;
  }
  return true;
}

const FieldDescriptor* FindByJsonName(const pb::Descriptor* type, std::string_view name) {
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->json_name() == name) return type->field(i);
  }
  return nullptr;
}

bool FillMessage(const Value& value, pb::Message* message) {
  const pb::Descriptor* type = message->GetDescriptor();
  if (type == pb::Timestamp::descriptor()) {
    return pb::util::TimeUtil::FromString(value.as_string(), static_cast<pb::Timestamp*>(message));
  }
  if (type == pb::ListValue::descriptor()) {
    for (const Value& item : value.as_list()) {
      FillAny(item, static_cast<pb::ListValue*>(message)->add_values());
    }
    return true;
  }
  if (type == pb::Struct::descriptor()) {
    for (const auto& [key, member] : value.as_object()) {
      auto* fields = static_cast<pb::Struct*>(message)->mutable_fields();
      FillAny(member, &(*fields)[ReplaceInvalidUtf8(key)]);
    }
    return true;
  }
  for (const auto& [name, member] : value.as_object()) {
    const FieldDescriptor* field = FindByJsonName(type, name);
    if (field == nullptr) return false;
    bool ok = field->is_map()        ? FillMap(member.as_object(), field, message)
              : field->is_repeated() ? FillRepeated(member.as_list(), field, message)
                                     : FillSingle(member, field, message);
    if (!ok) return false;
  }
  return true;
}

}  // namespace

bool ParseProto(std::string_view bytes, pb::Message* message) {
#if GOOGLE_PROTOBUF_VERSION < 4022000
  // Else everybody who sends ill-formed texts writes to our standard error.
  pb::LogSilencer silencer;
#endif
  pb::io::ArrayInputStream array(bytes.data(), static_cast<int>(bytes.size()));
  pb::io::CodedInputStream stream(&array);
  stream.SetRecursionLimit(kMaxProtoDepth);
  return message->ParseFromCodedStream(&stream) && stream.ConsumedEntireMessage();
}

bool HasUnknownFields(const pb::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

arrow::Result<Value> ProtoToValue(const pb::Message& message, ErrorCode code) {
  return ToValue(code).Message(message);
}

bool ValueToProto(const Value& value, pb::Message* message) { return FillMessage(value, message); }

std::string SerializeProto(const pb::Message& message) {
  std::string bytes;
  pb::io::StringOutputStream stream(&bytes);
  pb::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace longbow
