/// \file
/// Takes known secrets out of a text: the last safety net in front of a log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::secret {

/// Shorter secrets are not looked for: half of every line would be one.
inline constexpr size_t kMinRedactedBytes = 6;
/// What stands where a secret was.
inline constexpr std::string_view kRedacted = "[secret]";

/// A fixed set of secrets. Immutable, thus thread-safe. Holds copies, which it wipes at its end.
///
/// A text is read once, whatever the number of secrets; where nothing matches, each byte costs a
/// look into a table of 8 KiB. Only a secret as a whole and as it is is found: not a part of it,
/// and not its Base64 or JSON form. Thus texts have to come before they are cut or escaped.
class Redactor {
 public:
  explicit Redactor(std::vector<std::string> secrets);
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  /// Whether there is nothing to look for.
  bool empty() const { return secrets_.empty(); }
  /// `text` with each secret in it replaced; of those that overlap, the first, and of those that
  /// begin at one place, the longest. Empty where there is none in it.
  std::optional<std::string> Redact(std::string_view text) const;

 private:
  /// The length of the longest secret that `text` begins with; 0 where there is none.
  size_t MatchAt(std::string_view text) const;
  bool MayBegin(std::string_view text) const;

  std::vector<std::string> secrets_;         // sorted
  std::array<uint64_t, 1024> beginnings_{};  // a bit for each pair of first bytes
};

}  // namespace longbow::secret
