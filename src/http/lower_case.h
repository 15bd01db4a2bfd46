/// \file
/// Names in HTTP mean the same in capitals. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace longbow::http {

/// ASCII's capitals made small; all else stays.
inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace longbow::http
