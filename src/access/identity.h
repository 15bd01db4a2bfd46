/// \file
/// What may stand in a principal: limits and shape of names and identities, whoever makes them.
/// All functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace longbow::access {

/// Of a principal's name, and of the name of a token.
inline constexpr size_t kMaxNameBytes = 256;
/// Of what stands behind `KIND:NAME=` in an identity.
inline constexpr size_t kMaxIdentityValueBytes = 1024;
/// Of one principal, from one source (a JWT, a certificate).
inline constexpr size_t kMaxIdentities = 256;

/// Whether `text` can be shown and compared safely: not empty, at most `max_bytes` of valid UTF-8
/// without control characters (C0, DEL, C1).
bool IsPlainText(std::string_view text, size_t max_bytes);

}  // namespace longbow::access
