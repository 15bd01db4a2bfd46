#include "client_failure.h"

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include <arrow/flight/types.h>
#include <arrow/util/io_util.h>

#include <longbow/error.h>

#include "commands.h"
#include "display_text.h"
#include "transport/wire_error.h"

namespace longbow::client {
namespace {

constexpr char kUsageDetail[] = "longbow::client::UsageDetail";

class UsageDetail : public arrow::StatusDetail {
 public:
  const char* type_id() const override { return kUsageDetail; }
  std::string ToString() const override { return "usage"; }
};

bool IsUsage(const arrow::Status& status) {
  return status.detail() != nullptr && std::string_view(status.detail()->type_id()) == kUsageDetail;
}

// Arrow's client wraps what the server said: "Flight returned ... error, with message: TEXT.
// Detail:
// ...", and appends its own state.
std::string Unwrapped(std::string message) {
  constexpr std::string_view kBefore = "with message: ";
  if (const size_t at = message.find(kBefore);
      at != std::string::npos && message.rfind("Flight returned", 0) == 0) {
    message.erase(0, at + kBefore.size());
  }
  for (const char* after : {". gRPC client debug context:", ". Client context:", ". Detail:"}) {
    if (const size_t at = message.find(after); at != std::string::npos) message.erase(at);
  }
  return message;
}

std::string RetryHint(ErrorCode code, const std::string& server) {
  switch (code) {
    case ErrorCode::kUnauthenticated:
      return "hint: give the server's token with --token or in LONGBOW_TOKEN\n";
    default:
      break;
  }
  const int32_t number = WireNumber(code);
  const bool here = (number & kRetryHere) != 0;
  const bool other = (number & kRetryOther) != 0;
  if (here && other) return "hint: try again in a moment, or another node with --server\n";
  if (here) return "hint: try again in a moment\n";
  if (other)
    return "hint: another node than " + server + " may answer this; name it with --server\n";
  return "";
}

Failure Unreachable(const std::string& message, const std::string& server) {
  return {app::kExitUnreachable,
          "error: no server answers at " + SafeForTerminal(server) + "\n  " +
              SafeForTerminal(message, 512) +
              "\nhint: start one with `longbow start`, or name another one with "
              "--server or LONGBOW_SERVER\n"};
}

// Each line of `text` indented, and safe.
std::string Indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out += "  " + SafeForTerminal(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

Failure FromServer(const arrow::Status& status, const ErrorDetail& error,
                   const std::string& server) {
  std::string name(ErrorName(error.code()));
  if (name == "CUSTOM") name += " " + std::to_string(static_cast<int>(error.code()));
  // A message of several lines (an SQL error with its position) keeps them.
  std::string_view message = status.message();
  std::string text =
      "error " + name + ": " + SafeForTerminal(message.substr(0, message.find('\n'))) + "\n";
  if (const size_t rest = message.find('\n'); rest != std::string_view::npos) {
    text += Indented(message.substr(rest + 1));
  }
  text += Indented(error.detail());
  text += RetryHint(error.code(), server);
  return {app::kExitFailure, std::move(text)};
}

}  // namespace

arrow::Status UsageError(std::string message) {
  return arrow::Status::Invalid(std::move(message)).WithDetail(std::make_shared<UsageDetail>());
}

arrow::Status FromFlightClient(const arrow::Status& status) {
  auto flight = arrow::flight::FlightStatusDetail::UnwrapStatus(status);
  if (flight == nullptr || flight->extra_info().empty()) return status;
  return transport::FromWire(flight->extra_info(), Unwrapped(status.message()));
}

Failure DescribeFailure(const arrow::Status& original, const std::string& server) {
  if (IsUsage(original))
    return {app::kExitUsage, "error: " + SafeForTerminal(original.message()) + "\n"};
  if (arrow::internal::ErrnoFromStatus(original) == EPIPE) return {app::kExitOk, ""};
  const arrow::Status status = FromFlightClient(original);
  if (const ErrorDetail* error = ErrorDetailOf(status)) return FromServer(status, *error, server);
  if (auto flight = arrow::flight::FlightStatusDetail::UnwrapStatus(status)) {
    const std::string message = Unwrapped(status.message());
    if (flight->code() == arrow::flight::FlightStatusCode::Unavailable) {
      return Unreachable(message, server);
    }
    if (flight->code() == arrow::flight::FlightStatusCode::TimedOut) {
      return {app::kExitFailure, "error TIMEOUT: no answer within --timeout\n"};
    }
    return {app::kExitFailure,
            "error " + flight->CodeAsString() + ": " + SafeForTerminal(message) + "\n"};
  }
  return {app::kExitFailure, "error: " + SafeForTerminal(Unwrapped(status.message())) + "\n"};
}

}  // namespace longbow::client
