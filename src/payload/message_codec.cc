#include "payload/message_codec.h"

#include <chrono>

#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

namespace longbow {
namespace {

using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

constexpr size_t kMaxMessageBytes = size_t{8} << 20;

}  // namespace

arrow::Result<Value> DecodeMessage(std::string_view bytes, Encoding encoding,
                                   google::protobuf::Message* message) {
  const std::string& name = message->GetDescriptor()->name();
  if (bytes.size() > kMaxMessageBytes) {
    return MakeError(ErrorCode::kBadArgument,
                     "The message " + name + " has " + std::to_string(bytes.size()) +
                         " bytes; at most " + std::to_string(kMaxMessageBytes) + " are allowed");
  }
  if (encoding == Encoding::kJson) {
    if (bytes.empty()) return Value(Value::Object());
    arrow::Result<Value> value = Value::FromJson(bytes, kMaxJsonDepth);
    if (value.ok()) return value;
    return MakeError(ErrorCode::kBadArgument,
                     "The message " + name + ": " + value.status().message());
  }
  if (!ParseProto(bytes, message)) {
    return MakeError(ErrorCode::kBadArgument,
                     "These bytes are neither a JSON object nor a longbow.v1." + name);
  }
  return ProtoToValue(*message, ErrorCode::kBadArgument);
}

Value TimeValue(WallTime time) {
  auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  return TimeUtil::ToString(TimeUtil::NanosecondsToTimestamp(nanoseconds));
}

arrow::Result<std::optional<WallTime>> ReadTime(ObjectReader& reader, std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(std::string text, reader.Text(name));
  if (text.empty()) return std::optional<WallTime>();
  Timestamp timestamp;
  if (!TimeUtil::FromString(text, &timestamp)) {
    return reader.Error(name, " must be a time such as 2026-01-01T00:00:00Z");
  }
  constexpr int64_t kMaxSeconds = 9223372036;  // of nanoseconds in 64 bits
  if (timestamp.seconds() >= kMaxSeconds || timestamp.seconds() <= -kMaxSeconds) {
    return reader.Error(name, " must lie between the years 1678 and 2262");
  }
  std::chrono::nanoseconds since_epoch(TimeUtil::TimestampToNanoseconds(timestamp));
  return std::optional<WallTime>(
      WallTime(std::chrono::duration_cast<WallTime::duration>(since_epoch)));
}

arrow::Result<int64_t> ReadCount(ObjectReader& reader, std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(std::optional<int64_t> count, reader.Int(name));
  return count.value_or(0);
}

}  // namespace longbow
