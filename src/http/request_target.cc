#include "http/request_target.h"

#include <utility>

namespace longbow::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> DecodePercent(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

bool AddParameter(std::string_view parameter, std::map<std::string, std::string>* query) {
  const size_t equals = parameter.find('=');
  auto name = DecodePercent(parameter.substr(0, equals), /*plus_is_space=*/true);
  auto value = DecodePercent(
      equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1),
      /*plus_is_space=*/true);
  if (!name || !value) return false;
  query->try_emplace(std::move(*name), std::move(*value));
  return true;
}

}  // namespace

std::optional<RequestTarget> ParseRequestTarget(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return std::nullopt;
  const size_t mark = raw.find('?');
  auto path = DecodePercent(raw.substr(0, mark), /*plus_is_space=*/false);
  if (!path) return std::nullopt;
  RequestTarget target{std::move(*path), {}};
  std::string_view rest = mark == std::string_view::npos ? "" : raw.substr(mark + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view parameter = rest.substr(0, end);
    if (!parameter.empty() && !AddParameter(parameter, &target.query)) return std::nullopt;
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return target;
}

}  // namespace longbow::http
