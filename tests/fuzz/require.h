/// \file
/// What fuzz targets demand of the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <arrow/status.h>

#include <longbow/error.h>

#include "base/utf8.h"

namespace longbow::fuzz {

/// Ends the process, which the fuzzer reports with its input, unless `holds`.
inline void Require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "Not so: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

/// An error that can be sent to a client: with `code`, a message, and no bytes that are not UTF-8.
inline void RequireShowable(const arrow::Status& status, ErrorCode code) {
  Require(ErrorDetailOf(status) != nullptr, "an error has a detail: " + status.ToString());
  Require(ErrorCodeOf(status) == code, "an error has the right code: " + status.ToString());
  Require(!status.message().empty(), "an error has a message");
  Require(IsValidUtf8(status.message()), "an error's message is UTF-8: " + status.message());
}

/// The fuzzer's input as text.
inline std::string_view TextOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace longbow::fuzz
