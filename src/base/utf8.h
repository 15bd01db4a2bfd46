/// \file
/// UTF-8: is it, and where may it be cut. All functions are pure and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace longbow {

/// Whether all of `text` is well-formed UTF-8 (no overlong forms, no surrogates, nothing above
/// U+10FFFF).
bool IsValidUtf8(std::string_view text);

/// The longest beginning of `text` with at most `max_bytes` bytes that ends at a character's
/// border. `text` should be valid; of one that is not, some beginning within the limit.
std::string_view CutToBytes(std::string_view text, size_t max_bytes);

/// The first `max_characters` characters (code points) of `text`, or all of it.
std::string_view CutToCharacters(std::string_view text, size_t max_characters);

/// `text` with each ill-formed byte replaced by U+FFFD: what is safe to put into JSON or protobuf.
std::string ReplaceInvalidUtf8(std::string_view text);

}  // namespace longbow
