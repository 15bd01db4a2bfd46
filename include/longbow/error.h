/// \file
/// What goes wrong, as values: the codes that travel on the wire, riding in an `arrow::Status`.
///
/// Every function of the SDK reports errors as `arrow::Status` or `arrow::Result`. A status made
/// with `MakeError` carries an `ErrorDetail`; any other status gets the code that `ErrorCodeOf`
/// derives from its `StatusCode`. All functions here are pure and may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <arrow/status.h>

namespace longbow {

/// The low 16 bits of an error's number on the wire. 0 to 503 have the values that clients of
/// `gooddata-flight-server` know; 200 to 299 are Longbow's own; modules own 1000 to 65535.
enum class ErrorCode : int32_t {
  kUnknown = 0,
  kBadArgument = 1,
  kBadRequest = 2,  ///< Asked of the wrong node.
  kUnsupportedService = 3,
  kInvalidTicket = 4,
  kCommandFailed = 5,
  kCommandCancelled = 6,
  kCommandCancelNotPossible = 7,
  kCommandResultConsumed = 8,
  kTimeout = 100,
  kPoll = 101,
  kBackpressure = 102,
  kAlreadyExists = 200,
  kNotFound = 201,
  kUnauthenticated = 202,
  kPermissionDenied = 203,
  kResourceExhausted = 204,
  kReadOnly = 205,
  kDataLoss = 206,
  kInternalError = 500,
  kNotReady = 501,
  kShuttingDown = 502,
  kNotImplemented = 503,
};

/// Retry advice, the bits above a code's low 16: try again here, try another node, or both.
inline constexpr int32_t kRetryHere = 0x10000;
inline constexpr int32_t kRetryOther = 0x20000;

/// The number that travels: `code` with its retry advice from the protocol's table. Codes of
/// modules carry no advice.
int32_t WireNumber(ErrorCode code);

/// The code's name as the protocol writes it, such as `BAD_ARGUMENT`; `CUSTOM` for a module's.
std::string_view ErrorName(ErrorCode code);

/// What an error carries beside its message.
class ErrorDetail : public arrow::StatusDetail {
 public:
  ErrorDetail(ErrorCode code, std::string detail, std::string body)
      : code_(code), detail_(std::move(detail)), body_(std::move(body)) {}

  const char* type_id() const override;
  std::string ToString() const override;

  ErrorCode code() const { return code_; }
  /// A longer explanation for people; at most 512 characters survive the wire.
  const std::string& detail() const { return detail_; }
  /// Bytes for programs, whose meaning the code fixes.
  const std::string& body() const { return body_; }

 private:
  ErrorCode code_;
  std::string detail_;
  std::string body_;
};

/// An error status: what happened, to what, and what to do about it.
///
/// \param message one sentence; at most 256 characters survive the wire
/// \param detail more for people, such as a position; may be empty
/// \param body bytes for programs; may be empty
arrow::Status MakeError(ErrorCode code, std::string message, std::string detail = {},
                        std::string body = {});

/// The code of any status: its `ErrorDetail`'s, or the nearest one to its `StatusCode` (Invalid and
/// TypeError are BAD_ARGUMENT, KeyError NOT_FOUND, Cancelled COMMAND_CANCELLED, OutOfMemory
/// RESOURCE_EXHAUSTED, NotImplemented NOT_IMPLEMENTED, AlreadyExists ALREADY_EXISTS, everything
/// else INTERNAL_ERROR).
ErrorCode ErrorCodeOf(const arrow::Status& status);

/// The status's `ErrorDetail`, or null. Lives as long as `status`.
const ErrorDetail* ErrorDetailOf(const arrow::Status& status);

}  // namespace longbow
