// Handshake: for modules that authenticate in it. Where none does, there is nothing to agree on,
// and the client gets an empty answer.

#include <memory>
#include <string>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <longbow/error.h>

#include "flight/calls.h"
#include "flight/raw_calls.h"

namespace longbow::flight {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;
using transport::Frame;
using transport::ReadOutcome;

/// `HandshakeRequest` and `HandshakeResponse`: a protocol version (1) and a payload (2). No
/// generated code: it would have the names that `libarrow_flight` exports.
constexpr int kVersionField = 1;
constexpr int kPayloadField = 2;

struct HandshakeMessage {
  uint64_t version = 0;
  std::string payload;
};

arrow::Result<HandshakeMessage> ParseHandshake(const std::string& bytes) {
  HandshakeMessage message;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  while (uint32_t tag = in.ReadTag()) {
    bool ok = false;
    if (tag == WireFormatLite::MakeTag(kVersionField, WireFormatLite::WIRETYPE_VARINT)) {
      ok = in.ReadVarint64(&message.version);
    } else if (tag ==
               WireFormatLite::MakeTag(kPayloadField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      uint32_t size = 0;
      ok = in.ReadVarint32(&size) && in.ReadString(&message.payload, static_cast<int>(size));
    } else {
      ok = WireFormatLite::SkipField(&in, tag);
    }
    if (!ok)
      return MakeError(ErrorCode::kBadArgument, "the request is no HandshakeRequest message");
  }
  if (!in.ConsumedEntireMessage()) {
    return MakeError(ErrorCode::kBadArgument, "the request is no HandshakeRequest message");
  }
  return message;
}

Frame HandshakeFrame(const HandshakeMessage& message) {
  std::string bytes;
  {
    StringOutputStream stream(&bytes);
    CodedOutputStream out(&stream);
    if (message.version != 0) {
      WireFormatLite::WriteUInt64(kVersionField, message.version, &out);
    }
    if (!message.payload.empty()) WireFormatLite::WriteBytes(kPayloadField, message.payload, &out);
  }
  return Frame::FromString(std::move(bytes));
}

/// Answers on the pool; the call goes on until the client has nothing more to say.
void Answer(const OpenCallPtr& open, const std::shared_ptr<HandshakeMessage>& request) {
  RunOnPool(open, [open, request]() -> arrow::Status {
    HandshakeMessage answer;
    answer.version = request->version;
    const bool may_ask = open->caller.CheckRawMethods().ok();
    for (const auto& methods : open->node->parts.registry->methods()) {
      if (!may_ask) break;
      auto payload = methods->Handshake(*open->call, request->payload);
      if (FlightMethods::IsNotHandled(payload.status())) continue;
      ARROW_ASSIGN_OR_RAISE(answer.payload, std::move(payload));
      break;
    }
    open->call->WriteAndFinish(HandshakeFrame(answer));
    return arrow::Status::OK();
  });
}

}  // namespace

void ServeHandshake(OpenCallPtr open) {
  auto* call = open->call.get();
  call->ReadBytes([open](ReadOutcome outcome, std::string bytes) {
    if (outcome == ReadOutcome::kBroken) {
      return open->Finish(MakeError(ErrorCode::kCommandCancelled, "the caller is gone"));
    }
    // A client that only opens and closes the stream asks nothing.
    if (outcome == ReadOutcome::kEnd) return open->Finish(arrow::Status::OK());
    auto request = ParseHandshake(bytes);
    if (!request.ok()) return open->Finish(request.status());
    Answer(open, std::make_shared<HandshakeMessage>(std::move(*request)));
  });
}

}  // namespace longbow::flight
