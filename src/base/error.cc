#include <longbow/error.h>

#include <cstring>
#include <utility>

namespace longbow {
namespace {

constexpr char kErrorDetailType[] = "longbow::ErrorDetail";

/// One row per code of the protocol's table.
struct CodeRow {
  ErrorCode code;
  const char* name;
  int32_t retry;
  arrow::StatusCode status_code;
};

constexpr CodeRow kCodes[] = {
    {ErrorCode::kUnknown, "UNKNOWN", 0, arrow::StatusCode::UnknownError},
    {ErrorCode::kBadArgument, "BAD_ARGUMENT", 0, arrow::StatusCode::Invalid},
    {ErrorCode::kBadRequest, "BAD_REQUEST", 0, arrow::StatusCode::Invalid},
    {ErrorCode::kUnsupportedService, "UNSUPPORTED_SERVICE", 0, arrow::StatusCode::KeyError},
    {ErrorCode::kInvalidTicket, "INVALID_TICKET", 0, arrow::StatusCode::Invalid},
    {ErrorCode::kCommandFailed, "COMMAND_FAILED", 0, arrow::StatusCode::UnknownError},
    {ErrorCode::kCommandCancelled, "COMMAND_CANCELLED", 0, arrow::StatusCode::Cancelled},
    {ErrorCode::kCommandCancelNotPossible, "COMMAND_CANCEL_NOT_POSSIBLE", 0,
     arrow::StatusCode::Invalid},
    {ErrorCode::kCommandResultConsumed, "COMMAND_RESULT_CONSUMED", 0, arrow::StatusCode::Invalid},
    {ErrorCode::kTimeout, "TIMEOUT", 0, arrow::StatusCode::IOError},
    {ErrorCode::kPoll, "POLL", kRetryHere, arrow::StatusCode::IOError},
    {ErrorCode::kBackpressure, "BACKPRESSURE", kRetryHere | kRetryOther,
     arrow::StatusCode::CapacityError},
    {ErrorCode::kAlreadyExists, "ALREADY_EXISTS", 0, arrow::StatusCode::AlreadyExists},
    {ErrorCode::kNotFound, "NOT_FOUND", 0, arrow::StatusCode::KeyError},
    {ErrorCode::kUnauthenticated, "UNAUTHENTICATED", 0, arrow::StatusCode::Invalid},
    {ErrorCode::kPermissionDenied, "PERMISSION_DENIED", 0, arrow::StatusCode::Invalid},
    {ErrorCode::kResourceExhausted, "RESOURCE_EXHAUSTED", 0, arrow::StatusCode::OutOfMemory},
    {ErrorCode::kReadOnly, "READ_ONLY", kRetryHere | kRetryOther, arrow::StatusCode::IOError},
    {ErrorCode::kDataLoss, "DATA_LOSS", 0, arrow::StatusCode::IOError},
    {ErrorCode::kInternalError, "INTERNAL_ERROR", kRetryOther, arrow::StatusCode::UnknownError},
    {ErrorCode::kNotReady, "NOT_READY", kRetryHere | kRetryOther, arrow::StatusCode::IOError},
    {ErrorCode::kShuttingDown, "SHUTTING_DOWN", kRetryOther, arrow::StatusCode::IOError},
    {ErrorCode::kNotImplemented, "NOT_IMPLEMENTED", 0, arrow::StatusCode::NotImplemented},
};

const CodeRow* FindRow(ErrorCode code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

}  // namespace

int32_t WireNumber(ErrorCode code) {
  const CodeRow* row = FindRow(code);
  return static_cast<int32_t>(code) | (row != nullptr ? row->retry : 0);
}

std::string_view ErrorName(ErrorCode code) {
  const CodeRow* row = FindRow(code);
  return row != nullptr ? row->name : "CUSTOM";
}

const char* ErrorDetail::type_id() const { return kErrorDetailType; }

std::string ErrorDetail::ToString() const {
  std::string text(ErrorName(code_));
  if (FindRow(code_) == nullptr) text += " " + std::to_string(static_cast<int32_t>(code_));
  if (!detail_.empty()) text += ": " + detail_;
  return text;
}

arrow::Status MakeError(ErrorCode code, std::string message, std::string detail, std::string body) {
  const CodeRow* row = FindRow(code);
  arrow::StatusCode status_code =
      row != nullptr ? row->status_code : arrow::StatusCode::UnknownError;
  return arrow::Status(status_code, std::move(message),
                       std::make_shared<ErrorDetail>(code, std::move(detail), std::move(body)));
}

ErrorCode ErrorCodeOf(const arrow::Status& status) {
  if (const ErrorDetail* detail = ErrorDetailOf(status)) return detail->code();
  switch (status.code()) {
    case arrow::StatusCode::OK:
      return ErrorCode::kUnknown;
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
      return ErrorCode::kBadArgument;
    case arrow::StatusCode::KeyError:
      return ErrorCode::kNotFound;
    case arrow::StatusCode::Cancelled:
      return ErrorCode::kCommandCancelled;
    case arrow::StatusCode::OutOfMemory:
      return ErrorCode::kResourceExhausted;
    case arrow::StatusCode::NotImplemented:
      return ErrorCode::kNotImplemented;
    case arrow::StatusCode::AlreadyExists:
      return ErrorCode::kAlreadyExists;
    default:
      return ErrorCode::kInternalError;
  }
}

const ErrorDetail* ErrorDetailOf(const arrow::Status& status) {
  const std::shared_ptr<arrow::StatusDetail>& detail = status.detail();
  // By name, not dynamic_cast: a module may have a copy of the type's description of its own.
  if (detail == nullptr || std::strcmp(detail->type_id(), kErrorDetailType) != 0) return nullptr;
  return static_cast<const ErrorDetail*>(detail.get());
}

}  // namespace longbow
