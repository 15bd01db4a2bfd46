#include "access/identity_pattern.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <longbow/error.h>

#include "access/identity.h"
#include "base/nearest.h"

namespace longbow::access {
namespace {

constexpr std::string_view kShapes =
    "write token:NAME, claim:NAME=VALUE, cert:cn=VALUE, cert:san=VALUE, cert:subject=VALUE, "
    "anonymous, *, or x-NAME:VALUE of a module";
// A kind, a claim's name and a value.
constexpr size_t kMaxEntryBytes = 2 * kMaxIdentityValueBytes;

arrow::Status Bad(std::string message) {
  return MakeError(ErrorCode::kBadArgument, std::move(message));
}

bool IsModuleKind(std::string_view kind) {
  return kind.size() > 2 && kind.starts_with("x-") &&
         std::all_of(kind.begin(), kind.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// Of `NAME=VALUE`; both must be there.
arrow::Status CheckNamed(std::string_view kind, std::string_view rest) {
  const size_t equals = rest.find('=');
  const bool is_whole = equals != std::string_view::npos && equals > 0 && equals + 1 < rest.size();
  const std::string_view name = rest.substr(0, equals);
  if (!is_whole || name.find('*') != std::string_view::npos) {
    return Bad("has no NAME=VALUE: " + std::string(kShapes));
  }
  if (kind == "cert" && name != "cn" && name != "san" && name != "subject") {
    return Bad("names a part of certificates that there is not: " + std::string(kShapes));
  }
  return arrow::Status::OK();
}

arrow::Status CheckKind(std::string_view text) {
  if (text == "anonymous") return arrow::Status::OK();
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Bad("is of no kind: " + std::string(kShapes));
  }
  const std::string kind(text.substr(0, colon));
  const std::string_view rest = text.substr(colon + 1);
  if (rest.empty()) return Bad("has no value: " + std::string(kShapes));
  if (kind == "token" || IsModuleKind(kind)) return arrow::Status::OK();
  if (kind == "claim" || kind == "cert") return CheckNamed(kind, rest);
  const std::string nearest = NearestName(kind, {"token", "claim", "cert", "anonymous"});
  const std::string hint = nearest.empty() ? "" : " (did you mean " + nearest + "?)";
  return Bad("is of an unknown kind" + hint + ": " + std::string(kShapes));
}

}  // namespace

arrow::Result<IdentityPattern> IdentityPattern::Parse(std::string_view entry) {
  IdentityPattern pattern;
  if (entry == "*") {
    pattern.everybody_ = true;
    return pattern;
  }
  if (!IsPlainText(entry, kMaxEntryBytes)) {
    return Bad("is empty, too long, or has a control character: " + std::string(kShapes));
  }
  if (const size_t star = entry.find('*'); star != std::string_view::npos) {
    if (star + 1 != entry.size()) return Bad("has a '*' that is not its end");
    pattern.is_prefix_ = true;
  }
  ARROW_RETURN_NOT_OK(CheckKind(entry));
  pattern.text_ = entry.substr(0, entry.size() - (pattern.is_prefix_ ? 1 : 0));
  return pattern;
}

bool IdentityPattern::Matches(const Principal& principal) const {
  if (everybody_) return true;
  return std::any_of(principal.identities.begin(), principal.identities.end(),
                     [this](const std::string& identity) {
                       return is_prefix_ ? identity.starts_with(text_) : identity == text_;
                     });
}

}  // namespace longbow::access
