/// \file
/// Text as a terminal shows it: how wide it is, and made safe to print. All functions are pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace longbow::client {

/// What stands at the front of a text.
struct DecodedCharacter {
  char32_t character = 0;
  size_t bytes = 1;
  bool valid = false;
};

/// Decodes the UTF-8 character at the front of `text`, which is not empty. Overlong forms,
/// surrogates and what is cut off are invalid, and one byte long.
DecodedCharacter DecodeCharacter(std::string_view text);

/// Columns that a terminal gives to a Unicode character: 0 for combining and invisible ones, 2 for
/// wide ones (CJK, most emoji), else 1.
int CharacterWidth(char32_t character);

/// Columns that valid UTF-8 takes. A byte that is not UTF-8 counts as 1.
int DisplayWidth(std::string_view text);

/// `text` with all that could steer a terminal, or reorder what is read, written out: control
/// characters, DEL, C1 and line separators, bidirectional overrides and bytes that are not UTF-8
/// become `\n`, `\t`, `\x1b`, `\u202e`. The answer is valid UTF-8 of one line.
///
/// \param max_bytes the answer is not made much longer than this; what follows is left out
std::string SafeForTerminal(std::string_view text, size_t max_bytes = std::string_view::npos);

/// The longest beginning of `text` that fits `max_width` columns, ended by `ellipsis` (of one
/// column per character) if something was cut. `text` is as `SafeForTerminal` returns it.
std::string CutToWidth(std::string_view text, int max_width, std::string_view ellipsis);

/// `1,234,567`
std::string GroupedNumber(int64_t number);
/// `812 B`, `1.5 KiB`, `23.4 MiB`
std::string HumanBytes(int64_t bytes);
/// `12 s`, `5 min`, `3 h`, `9 d`
std::string HumanAge(int64_t seconds);

}  // namespace longbow::client
