/// \file
/// Addresses to listen on: `host:port` and `unix:/path`.
#pragma once

#include <string>
#include <string_view>

#include <arrow/status.h>

namespace longbow::transport {

/// What the address of a socket in the file system begins with.
inline constexpr std::string_view kUnixScheme = "unix:";

/// Whether `address` is one of a socket in the file system.
bool IsUnixAddress(const std::string& address);

/// Finds out whether the address can be bound, with an error that says what to do if not: gRPC
/// itself says only that it failed, is content when one of a host name's addresses works, and takes
/// a socket file away from a server that is using it. May block for a name look-up. Errors:
/// ALREADY_EXISTS where it is in use, BAD_ARGUMENT otherwise.
arrow::Status CheckListenAddress(const std::string& address);

}  // namespace longbow::transport
