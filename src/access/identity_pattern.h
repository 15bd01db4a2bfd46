/// \file
/// Whom an access rule is for: an identity, or all that begin alike. Used by `AccessRules` only.
#pragma once

#include <string>
#include <string_view>

#include <arrow/result.h>

#include <longbow/principal.h>

namespace longbow::access {

/// Immutable and thread-safe.
class IdentityPattern {
 public:
  /// `*` (everybody), `anonymous`, or `KIND:VALUE`, whose value may end in `*`: `token:NAME`,
  /// `claim:NAME=VALUE`, `cert:subject=...`, `cert:cn=...`, `cert:san=...`, or of a module's own
  /// kind `x-NAME:VALUE`. Errors: BAD_ARGUMENT with the end of a sentence that tells what can be
  /// written.
  static arrow::Result<IdentityPattern> Parse(std::string_view entry);

  bool Matches(const Principal& principal) const;

 private:
  bool everybody_ = false;
  bool is_prefix_ = false;
  std::string text_;
};

}  // namespace longbow::access
