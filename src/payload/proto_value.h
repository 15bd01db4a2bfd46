/// \file
/// Between generated protobuf messages and `Value`, in the shape of the proto3 JSON mapping: so
/// each message has one reader and one writer for both encodings. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

#include <arrow/result.h>

#include <longbow/error.h>
#include <longbow/value.h>

namespace google::protobuf {
class Message;
}

namespace longbow {

/// Bounds on the nesting of what is parsed, of JSON and, in messages within messages, of protobuf.
inline constexpr int kMaxJsonDepth = 256;
inline constexpr int kMaxProtoDepth = 640;

/// Parses protobuf bytes. False where they are no such message.
bool ParseProto(std::string_view bytes, google::protobuf::Message* message);

/// Whether the message itself, without those in it, has fields that this version does not know.
bool HasUnknownFields(const google::protobuf::Message& message);

/// The message as the proto3 JSON mapping writes it: camelCase names, absent fields left out, bytes
/// in Base64, times as texts, Struct as an object. 64-bit integers are integers, not texts, and the
/// integral numbers of a Struct become integers.
/// Errors, with `code`: unknown fields in it, too deep nesting, an invalid time.
arrow::Result<Value> ProtoToValue(const google::protobuf::Message& message, ErrorCode code);

/// Fills an empty `message` from its JSON form, which must have the right types: it is made by our
/// own writers, from typed values. Ill-formed UTF-8 in texts is replaced. False where a member has
/// no field.
bool ValueToProto(const Value& value, google::protobuf::Message* message);

/// Protobuf bytes; equal messages have equal bytes.
std::string SerializeProto(const google::protobuf::Message& message);

}  // namespace longbow
