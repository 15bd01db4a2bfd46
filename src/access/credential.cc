#include "access/credential.h"

#include <algorithm>
#include <iterator>
#include <string>

#include <longbow/error.h>

namespace longbow::access {
namespace {

constexpr size_t kMaxHeaderNameBytes = 64;
constexpr std::string_view kScheme = "bearer";

bool IsHeaderCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

arrow::Status Refuse(std::string_view header, std::string_view what) {
  const std::string_view form = header == kAuthorizationHeader ? ": Bearer TOKEN'" : ": TOKEN'";
  return MakeError(ErrorCode::kUnauthenticated, std::string(what) + ": send the header '" +
                                                    std::string(header) + std::string(form));
}

// What follows `Bearer` and its spaces; nothing where the scheme is another one.
std::string_view WithoutScheme(std::string_view value) {
  if (value.size() <= kScheme.size() || value[kScheme.size()] != ' ') return {};
  const std::string_view scheme = value.substr(0, kScheme.size());
  const auto same = [](char a, char b) { return ToLower(a) == b; };
  if (!std::equal(scheme.begin(), scheme.end(), kScheme.begin(), same)) return {};
  const size_t begin = value.find_first_not_of(' ', kScheme.size());
  return begin == std::string_view::npos ? std::string_view() : value.substr(begin);
}

}  // namespace

arrow::Status CheckCredentialHeader(std::string_view header) {
  if (!header.empty() && header.size() <= kMaxHeaderNameBytes && !header.starts_with("grpc-") &&
      std::all_of(header.begin(), header.end(), IsHeaderCharacter)) {
    return arrow::Status::OK();
  }
  return MakeError(ErrorCode::kBadArgument,
                   "The name of the header with the token (auth.header) must be 1 to 64 lower-case "
                   "letters, digits, '-', '_' or '.', and not begin with 'grpc-'");
}

arrow::Result<std::string_view> FindCredential(const CallContext& call, std::string_view header,
                                               size_t max_bytes) {
  const auto [begin, end] = call.headers().equal_range(header);
  if (begin == end) return Refuse(header, "The call has no token");
  if (std::next(begin) != end) {
    // Which of them a proxy before us has looked at, nobody knows.
    return Refuse(header, "The call has more than one header with a token");
  }
  std::string_view token = begin->second;
  if (header == kAuthorizationHeader) token = WithoutScheme(token);
  if (token.empty()) return Refuse(header, "The call has a header with no token that can be read");
  if (token.size() > max_bytes) {
    return Refuse(header, "The token is longer than " + std::to_string(max_bytes) + " bytes");
  }
  return token;
}

}  // namespace longbow::access
