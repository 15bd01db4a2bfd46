/// \file
/// Base64 (RFC 4648, with padding). All functions are pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace longbow {

std::string EncodeBase64(std::string_view bytes);

/// The bytes; nothing where `text` is no Base64. Takes the URL-safe alphabet too, and missing
/// padding, as the proto3 JSON mapping asks for.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace longbow
