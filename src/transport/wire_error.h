/// \file
/// The one place where an error becomes what travels, and back.
#pragma once

#include <string>

#include <arrow/status.h>

namespace longbow::transport {

/// What gRPC and Flight clients are given of an error.
struct WireError {
  /// gRPC's canonical code, chosen so that Flight clients see the fitting class: UNAUTHENTICATED
  /// (16), PERMISSION_DENIED (7), UNAVAILABLE (14: BACKPRESSURE, NOT_READY, SHUTTING_DOWN,
  /// READ_ONLY), CANCELLED (1), DEADLINE_EXCEEDED (4: TIMEOUT, POLL), INVALID_ARGUMENT (3),
  /// NOT_FOUND (5), ALREADY_EXISTS (6), UNIMPLEMENTED (12), INTERNAL (13).
  int grpc_code = 0;
  /// The message for people: at most 256 characters.
  std::string message;
  /// The protocol's error JSON, under 6 KiB. `msg` is cut to 256 and `detail` to 512 characters at
  /// character borders; a `body` that does not fit is left out.
  std::string extra_info;
};

/// `status` is not OK.
WireError ToWire(const arrow::Status& status);

/// The status that a server made, from what a client was given; `fallback_message` is used where
/// `extra_info` is not the error JSON.
arrow::Status FromWire(const std::string& extra_info, const std::string& fallback_message);

}  // namespace longbow::transport
