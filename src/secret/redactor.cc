#include "secret/redactor.h"

#include <algorithm>
#include <utility>

#include "secret/wipe.h"

namespace longbow::secret {
namespace {

size_t PairOf(std::string_view text) {
  return static_cast<size_t>(static_cast<unsigned char>(text[0])) << 8 |
         static_cast<unsigned char>(text[1]);
}

}  // namespace

Redactor::Redactor(std::vector<std::string> secrets) {
  secrets_.reserve(secrets.size());
  std::sort(secrets.begin(), secrets.end());
  for (std::string& secret : secrets) {
    const bool is_new = secrets_.empty() || secrets_.back() != secret;
    if (is_new && secret.size() >= kMinRedactedBytes) {
      const size_t pair = PairOf(secret);
      beginnings_[pair / 64] |= uint64_t{1} << (pair % 64);
      secrets_.push_back(secret);
    }
    Wipe(&secret);
  }
}

Redactor::~Redactor() {
  for (std::string& secret : secrets_) Wipe(&secret);
}

bool Redactor::MayBegin(std::string_view text) const {
  const size_t pair = PairOf(text);
  return (beginnings_[pair / 64] >> (pair % 64) & 1) != 0;
}

size_t Redactor::MatchAt(std::string_view text) const {
  // Secrets with the same first bytes stand together; a longer one comes after what it begins with.
  const std::string_view begin = text.substr(0, kMinRedactedBytes);
  auto it = std::lower_bound(
      secrets_.begin(), secrets_.end(), begin,
      [](const std::string& secret, std::string_view b) { return std::string_view(secret) < b; });
  size_t longest = 0;
  for (; it != secrets_.end() && it->starts_with(begin); ++it) {
    if (it->size() > longest && text.starts_with(*it)) longest = it->size();
  }
  return longest;
}

std::optional<std::string> Redactor::Redact(std::string_view text) const {
  if (secrets_.empty()) return std::nullopt;
  std::string redacted;
  size_t copied = 0;
  for (size_t i = 0; i + kMinRedactedBytes <= text.size();) {
    const std::string_view rest = text.substr(i);
    const size_t match = MayBegin(rest) ? MatchAt(rest) : 0;
    if (match == 0) {
      ++i;
      continue;
    }
    redacted.append(text.substr(copied, i - copied)).append(kRedacted);
    i += match;
    copied = i;
  }
  if (copied == 0) return std::nullopt;
  redacted.append(text.substr(copied));
  return redacted;
}

}  // namespace longbow::secret
