#include "transport/wire_error.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include <arrow/util/base64.h>
#include <nlohmann/json.hpp>

#include <longbow/error.h>

#include "base/utf8.h"

namespace longbow::transport {
namespace {

constexpr size_t kMaxMessageCharacters = 256;
constexpr size_t kMaxDetailCharacters = 512;
constexpr size_t kMaxJsonBytes = 6 * 1024 - 1;

// gRPC's canonical codes by their numbers, so that this file need not know gRPC.
constexpr int kGrpcCancelled = 1;
constexpr int kGrpcUnknown = 2;
constexpr int kGrpcInvalidArgument = 3;
constexpr int kGrpcDeadlineExceeded = 4;
constexpr int kGrpcNotFound = 5;
constexpr int kGrpcAlreadyExists = 6;
constexpr int kGrpcPermissionDenied = 7;
constexpr int kGrpcResourceExhausted = 8;
constexpr int kGrpcUnimplemented = 12;
constexpr int kGrpcInternal = 13;
constexpr int kGrpcUnavailable = 14;
constexpr int kGrpcDataLoss = 15;
constexpr int kGrpcUnauthenticated = 16;

int GrpcCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadArgument:
    case ErrorCode::kBadRequest:
    case ErrorCode::kUnsupportedService:
    case ErrorCode::kInvalidTicket:
    case ErrorCode::kCommandCancelNotPossible:
    case ErrorCode::kCommandResultConsumed:
      return kGrpcInvalidArgument;
    case ErrorCode::kUnknown:
    case ErrorCode::kCommandFailed:
      return kGrpcUnknown;
    case ErrorCode::kCommandCancelled:
      return kGrpcCancelled;
    case ErrorCode::kTimeout:
    case ErrorCode::kPoll:
      return kGrpcDeadlineExceeded;
    case ErrorCode::kBackpressure:
    case ErrorCode::kReadOnly:
    case ErrorCode::kNotReady:
    case ErrorCode::kShuttingDown:
      return kGrpcUnavailable;
    case ErrorCode::kAlreadyExists:
      return kGrpcAlreadyExists;
    case ErrorCode::kNotFound:
      return kGrpcNotFound;
    case ErrorCode::kUnauthenticated:
      return kGrpcUnauthenticated;
    case ErrorCode::kPermissionDenied:
      return kGrpcPermissionDenied;
    case ErrorCode::kResourceExhausted:
      return kGrpcResourceExhausted;
    case ErrorCode::kDataLoss:
      return kGrpcDataLoss;
    case ErrorCode::kNotImplemented:
      return kGrpcUnimplemented;
    case ErrorCode::kInternalError:
      return kGrpcInternal;
  }
  return kGrpcUnknown;  // a module's own code
}

std::string Cut(const std::string& text, size_t max_characters) {
  return std::string(CutToCharacters(ReplaceInvalidUtf8(text), max_characters));
}

std::string MakeJson(const std::string& message, const std::string& detail, int32_t number,
                     const std::string& body) {
  nlohmann::json json = {{"msg", message}, {"code", number}};
  // Absent texts are null, as clients of this layout expect.
  json["detail"] = detail.empty() ? nlohmann::json() : nlohmann::json(detail);
  json["body"] = body.empty() ? nlohmann::json() : nlohmann::json(arrow::util::base64_encode(body));
  return json.dump();
}

}  // namespace

WireError ToWire(const arrow::Status& status) {
  const ErrorDetail* detail = ErrorDetailOf(status);
  const ErrorCode code = ErrorCodeOf(status);
  WireError wire;
  wire.grpc_code = GrpcCodeOf(code);
  wire.message = Cut(status.message(), kMaxMessageCharacters);
  const std::string detail_text =
      detail == nullptr ? std::string() : Cut(detail->detail(), kMaxDetailCharacters);
  const int32_t number = WireNumber(code);
  // Base64 makes four bytes of three: what cannot fit is not even tried.
  if (detail != nullptr && !detail->body().empty() && detail->body().size() < kMaxJsonBytes) {
    wire.extra_info = MakeJson(wire.message, detail_text, number, detail->body());
    if (wire.extra_info.size() <= kMaxJsonBytes) return wire;
  }
  wire.extra_info = MakeJson(wire.message, detail_text, number, {});
  return wire;
}

arrow::Status FromWire(const std::string& extra_info, const std::string& fallback_message) {
  const nlohmann::json json =
      nlohmann::json::parse(extra_info, /*cb=*/nullptr, /*allow_exceptions=*/false);
  const auto text = [&json](const char* name) {
    auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (!json.is_object() || !json.contains("code") || !json["code"].is_number_integer()) {
    return MakeError(ErrorCode::kUnknown, fallback_message);
  }
  const auto code = static_cast<ErrorCode>(json["code"].get<int64_t>() & 0xffff);
  std::string message = text("msg");
  if (message.empty()) message = fallback_message;
  return MakeError(code, std::move(message), text("detail"),
                   arrow::util::base64_decode(text("body")).ValueOr(std::string()));
}

}  // namespace longbow::transport
