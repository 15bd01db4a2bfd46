/// \file
/// Sizes as people write them: `512MB` is decimal, `512MiB` binary. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <arrow/result.h>

namespace longbow::config {

/// Bytes of `4096`, `512MB`, `1.5 GiB`: a number of zero or more, then nothing, `B`, `kB`, `MB`,
/// `GB`, `TB` (powers of 1000) or `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024), in upper or lower
/// case. Errors: BAD_ARGUMENT for anything else, and for more than 2^63 - 1 bytes.
arrow::Result<int64_t> ParseSize(std::string_view text);

/// The shortest exact text, such as `8MiB`, `512MB` or `4097B`, that `ParseSize` reads back.
std::string FormatSize(int64_t bytes);

}  // namespace longbow::config
