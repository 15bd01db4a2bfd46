#include "http/host_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "http/lower_case.h"

namespace longbow::http {
namespace {

constexpr std::string_view kLocal = "localhost";
constexpr std::string_view kBelowLocal = ".localhost";
constexpr std::string_view kBlank = " \t";
constexpr size_t kMaxPortDigits = 5;

bool IsAddress(int family, std::string_view text) {
  // inet_pton() would stop at a zero byte.
  if (text.find('\0') != std::string_view::npos) return false;
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

/// In brackets; a zone of the client's machine, such as `%eth0`, may follow the address.
bool IsIpv6(std::string_view host) {
  if (!host.starts_with('[') || !host.ends_with(']')) return false;
  const std::string_view inside = host.substr(1, host.size() - 2);
  const size_t percent = inside.find('%');
  return IsAddress(AF_INET6, inside.substr(0, percent)) &&
         (percent == std::string_view::npos || IsHostName(inside.substr(percent + 1)));
}

bool IsPort(std::string_view text) {
  return text.size() <= kMaxPortDigits &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsOfLabel(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// `localhost.` means the same as `localhost`.
std::string_view WithoutLastDot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

bool IsHostName(std::string_view text) {
  text = WithoutLastDot(text);
  char before = '.';
  for (const char c : text) {
    if (!(IsOfLabel(c) || (c == '.' && before != '.'))) return false;
    before = c;
  }
  return before != '.';
}

std::optional<std::string> ParseHost(std::string_view header) {
  header = Trimmed(header);
  const size_t bracket = header.find(']');
  const size_t colon = header.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos && !IsPort(header.substr(colon + 1))) return std::nullopt;
  const std::string_view host = header.substr(0, colon);
  if (IsIpv6(host)) return LowerCase(host);
  if (!IsHostName(host)) return std::nullopt;
  return LowerCase(WithoutLastDot(host));
}

HostNames::HostNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name == kAnyHost) any_ = true;
    if (IsHostName(name)) names_.insert(LowerCase(WithoutLastDot(name)));
  }
}

bool HostNames::Allows(const std::string& host) const {
  return any_ || host == kLocal || host.ends_with(kBelowLocal) || IsIpv6(host) ||
         IsAddress(AF_INET, host) || names_.contains(host);
}

}  // namespace longbow::http
