/// \file
/// How `ParseMessage` and `SerializeMessage` are made: each message has one reader and one writer
/// of its JSON form, and its generated class for the other encoding. For the .cc files of messages
/// only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/result.h>
#include <google/protobuf/message.h>

#include <longbow/clock.h>
#include <longbow/error.h>
#include <longbow/value.h>

#include "payload/messages.h"
#include "payload/object_reader.h"
#include "payload/proto_value.h"

namespace longbow {

/// Specialised for each message `T`:
///   using Proto = its generated class;
///   static arrow::Result<T> Read(ObjectReader& reader, Encoding encoding);
///   static Value Write(const T& message, Encoding encoding);
/// The caller of `Read` refuses the members that it did not ask for.
template <typename T>
struct MessageCodec;

/// The JSON form of `bytes`, in whichever encoding; `message` is an empty one of its generated
/// class.
arrow::Result<Value> DecodeMessage(std::string_view bytes, Encoding encoding,
                                   google::protobuf::Message* message);

template <typename T>
arrow::Result<T> ParseMessage(std::string_view bytes, Encoding* encoding) {
  Encoding found = bytes.empty() || bytes.front() == '{' ? Encoding::kJson : Encoding::kProtobuf;
  if (encoding != nullptr) *encoding = found;
  typename MessageCodec<T>::Proto message;
  ARROW_ASSIGN_OR_RAISE(Value value, DecodeMessage(bytes, found, &message));
  ARROW_ASSIGN_OR_RAISE(ObjectReader reader, ObjectReader::Make(value, ""));
  ARROW_ASSIGN_OR_RAISE(T result, MessageCodec<T>::Read(reader, found));
  ARROW_RETURN_NOT_OK(reader.RefuseOthers());
  return result;
}

template <typename T>
std::string SerializeMessage(const T& message, Encoding encoding) {
  Value value = MessageCodec<T>::Write(message, encoding);
  if (encoding == Encoding::kJson) return value.ToJson();
  typename MessageCodec<T>::Proto proto;
  ValueToProto(value, &proto);
  return SerializeProto(proto);
}

/// A time as the proto3 JSON mapping writes it, `2026-01-01T00:00:00Z`.
Value TimeValue(WallTime time);
/// The member `name`; nothing where absent.
arrow::Result<std::optional<WallTime>> ReadTime(ObjectReader& reader, std::string_view name);

/// The members of a list of messages.
template <typename T>
arrow::Result<std::vector<T>> ReadList(ObjectReader& reader, std::string_view name,
                                       Encoding encoding) {
  std::vector<T> items;
  ARROW_ASSIGN_OR_RAISE(std::vector<ObjectReader> readers, reader.Objects(name));
  for (ObjectReader& each : readers) {
    ARROW_ASSIGN_OR_RAISE(T item, MessageCodec<T>::Read(each, encoding));
    ARROW_RETURN_NOT_OK(each.RefuseOthers());
    items.push_back(std::move(item));
  }
  return items;
}

template <typename T>
Value ListValue(const std::vector<T>& items, Encoding encoding) {
  Value::List list;
  for (const T& item : items) list.push_back(MessageCodec<T>::Write(item, encoding));
  return list;
}

/// 0 where absent.
arrow::Result<int64_t> ReadCount(ObjectReader& reader, std::string_view name);

}  // namespace longbow

/// Makes `ParseMessage` and `SerializeMessage` of one type.
#define LONGBOW_INSTANTIATE_MESSAGE(T)                                    \
  template arrow::Result<T> ParseMessage<T>(std::string_view, Encoding*); \
  template std::string SerializeMessage<T>(const T&, Encoding)
