/// \file
/// Where in a call the token stands: one header, whose name the operator chooses. Pure and
/// thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/call_context.h>

namespace longbow::access {

/// Its value is `Bearer TOKEN`; that of every other header is the token itself.
inline constexpr std::string_view kAuthorizationHeader = "authorization";

/// Whether a token can be sent in a header of that name: lower-case letters, digits, `-`, `_` and
/// `.`, at most 64, and not one that gRPC keeps for itself. Errors: BAD_ARGUMENT.
arrow::Status CheckCredentialHeader(std::string_view header);

/// The token of the call, not empty, of at most `max_bytes`; a view into the call's headers.
/// Errors: UNAUTHENTICATED where the header is missing, comes twice (even with equal values), is
/// not of the right form or too long. The message says what to send and nothing of what was sent.
arrow::Result<std::string_view> FindCredential(const CallContext& call, std::string_view header,
                                               size_t max_bytes);

}  // namespace longbow::access
