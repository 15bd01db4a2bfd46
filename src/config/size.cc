#include "config/size.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include <longbow/error.h>

namespace longbow::config {
namespace {

// The largest first, so that the first exact one gives the shortest text.
constexpr std::array<std::pair<std::string_view, int64_t>, 9> kUnits = {{
    {"TiB", int64_t{1} << 40},
    {"TB", 1'000'000'000'000},
    {"GiB", int64_t{1} << 30},
    {"GB", 1'000'000'000},
    {"MiB", int64_t{1} << 20},
    {"MB", 1'000'000},
    {"KiB", int64_t{1} << 10},
    {"kB", 1'000},
    {"B", 1},
}};

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
  }
  return true;
}

arrow::Status NotASize(std::string_view text) {
  return MakeError(ErrorCode::kBadArgument,
                   "\"" + std::string(text.substr(0, 64)) +
                       "\" is not a size; write bytes, or a text such as \"512MB\" (decimal) or "
                       "\"512MiB\" (binary)");
}

}  // namespace

arrow::Result<int64_t> ParseSize(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0) || std::signbit(number)) return NotASize(text);
  std::string_view unit(rest, static_cast<size_t>(end - rest));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);

  int64_t factor = unit.empty() ? 1 : 0;
  for (const auto& [name, bytes] : kUnits) {
    if (EqualIgnoringCase(unit, name)) factor = bytes;
  }
  if (factor == 0) return NotASize(text);

  // A double holds whole numbers up to 2^53 only; those without a fraction are kept exact.
  int64_t whole = 0;
  const auto [whole_end, whole_error] = std::from_chars(text.data(), rest, whole);
  int64_t bytes = 0;
  if (whole_error == std::errc() && whole_end == rest) {
    if (__builtin_mul_overflow(whole, factor, &bytes)) return NotASize(text);
    return bytes;
  }
  const double exact = number * static_cast<double>(factor);
  if (!(exact < 9.2e18)) return NotASize(text);
  return static_cast<int64_t>(std::llround(exact));
}

std::string FormatSize(int64_t bytes) {
  for (const auto& [name, factor] : kUnits) {
    if (bytes != 0 && bytes % factor == 0)
      return std::to_string(bytes / factor) + std::string(name);
  }
  return std::to_string(bytes);
}

}  // namespace longbow::config
