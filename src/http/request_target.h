/// \file
/// What a request asks for: path and query out of the request line. Pure; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace longbow::http {

struct RequestTarget {
  std::string path;                          ///< decoded
  std::map<std::string, std::string> query;  ///< decoded; the first value of each name
};

/// Nothing where `raw` does not begin with a slash, or has a percent sign without two hexadecimal
/// digits.
std::optional<RequestTarget> ParseRequestTarget(std::string_view raw);

}  // namespace longbow::http
