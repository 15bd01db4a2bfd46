#include "secret/secret_reference.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <longbow/error.h>

#include "base/utf8.h"

namespace longbow::secret {
namespace {

constexpr std::string_view kEnvironmentPrefix = "env:";
constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kVaultPrefix = "vault:";
constexpr std::string_view kLiteralPrefix = "literal:";
constexpr std::string_view kMountEnd = "//";
constexpr size_t kShownReferenceBytes = 160;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

arrow::Status Malformed(std::string_view text, std::string_view why) {
  return MakeError(ErrorCode::kBadArgument,
                   "the reference to a secret \"" + ForPeople(text, kShownReferenceBytes) +
                       "\" is not well-formed: " + std::string(why),
                   "Write env:NAME, file:/absolute/path or vault:MOUNT/PATH#KEY; a value that must "
                   "begin like that is written with literal: in front.");
}

arrow::Status ParseEnvironment(std::string_view rest, SecretReference* out) {
  if (rest.empty() || IsDigit(rest.front()) || !std::all_of(rest.begin(), rest.end(), [](char c) {
        return IsLetter(c) || IsDigit(c) || c == '_';
      })) {
    return Malformed(out->text, "a variable's name has letters, digits and _ only, no digit first");
  }
  out->name = rest;
  return arrow::Status::OK();
}

arrow::Status ParseFile(std::string_view rest, SecretReference* out) {
  if (rest.empty() || rest.front() != '/') {
    return Malformed(out->text, "the path of a file begins with /");
  }
  out->name = rest;
  return arrow::Status::OK();
}

/// Whether Vault can have `path`: its segments are not empty and do not end in a period. That keeps
/// out `.` and `..` too, which a server or a proxy would resolve.
bool AreSegments(std::string_view path) {
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment.back() == '.') return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

arrow::Status ParseVault(std::string_view rest, SecretReference* out) {
  const size_t hash = rest.find('#');
  if (hash == std::string_view::npos || hash + 1 == rest.size()) {
    return Malformed(out->text, "#KEY is missing at its end");
  }
  const std::string_view location = rest.substr(0, hash);
  const size_t long_mount = location.find(kMountEnd);
  const size_t end = long_mount != std::string_view::npos ? long_mount : location.find('/');
  if (end == std::string_view::npos) {
    return Malformed(out->text, "it has a mount but no path");
  }
  const size_t separator = long_mount != std::string_view::npos ? kMountEnd.size() : 1;
  out->mount = location.substr(0, end);
  out->path = location.substr(end + separator);
  out->key = rest.substr(hash + 1);
  if (!AreSegments(out->mount) || !AreSegments(out->path)) {
    return Malformed(out->text,
                     "no part between slashes may be empty or end in a period, and // may only "
                     "stand once, between mount and path");
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<std::optional<SecretReference>> ParseSecretReference(std::string_view text) {
  using Parser = arrow::Status (*)(std::string_view, SecretReference*);
  struct Scheme {
    std::string_view prefix;
    SecretScheme scheme;
    Parser parse;
  };
  static constexpr Scheme kSchemes[] = {
      {kEnvironmentPrefix, SecretScheme::kEnvironment, ParseEnvironment},
      {kFilePrefix, SecretScheme::kFile, ParseFile},
      {kVaultPrefix, SecretScheme::kVault, ParseVault},
  };
  for (const Scheme& scheme : kSchemes) {
    if (!text.starts_with(scheme.prefix)) continue;
    if (text.size() > kMaxReferenceBytes) return Malformed(text, "it is too long");
    if (std::any_of(text.begin(), text.end(), IsControl) || !IsValidUtf8(text)) {
      return Malformed(text, "it has control characters or is no UTF-8");
    }
    SecretReference reference;
    reference.scheme = scheme.scheme;
    reference.text = text;
    ARROW_RETURN_NOT_OK(scheme.parse(text.substr(scheme.prefix.size()), &reference));
    return std::make_optional(std::move(reference));
  }
  return std::optional<SecretReference>();
}

std::string SecretReference::shown() const { return ForPeople(text, kShownReferenceBytes); }

std::string_view LiteralValue(std::string_view text) {
  if (text.starts_with(kLiteralPrefix)) text.remove_prefix(kLiteralPrefix.size());
  return text;
}

std::string PercentEncodeSegments(std::string_view path) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  static constexpr std::string_view kPlain = "-._~/";
  std::string encoded;
  encoded.reserve(path.size());
  for (char c : path) {
    if (IsLetter(c) || IsDigit(c) || kPlain.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string ForPeople(std::string_view text, size_t max_bytes) {
  std::string shown = ReplaceInvalidUtf8(text.substr(0, max_bytes + 4));
  const bool is_cut = text.size() > max_bytes;
  shown = CutToBytes(shown, max_bytes);
  std::replace_if(shown.begin(), shown.end(), IsControl, '?');
  if (is_cut) shown += "...";
  return shown;
}

}  // namespace longbow::secret
