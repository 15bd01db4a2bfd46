/// \file
/// References to secrets, as settings write them. Pure and thread-safe.
///
/// A text is a reference only where it begins with one of three schemes:
///
///     env:NAME                   an environment variable: [A-Za-z_][A-Za-z0-9_]*
///     file:/absolute/path        a file's content
///     vault:MOUNT/PATH#KEY       a key of a secret in Vault's key/value engine, version 2
///     vault:MOUNT//PATH#KEY      the same where the mount has several segments: `//` ends the
///     mount
///
/// In `vault:kv/team/db#password` the mount is `kv`, in `vault:kv/team//db#password` it is
/// `kv/team`. PATH is what `vault kv get` takes, without the `data/` of the HTTP API; KEY is
/// everything after the first `#`. A value that must begin like a reference is written with
/// `literal:` in front: `literal:env:NAME` is the text `env:NAME`, and `literal:literal:x` is
/// `literal:x`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <arrow/result.h>

namespace longbow::secret {

/// More bytes than any sensible reference has.
inline constexpr size_t kMaxReferenceBytes = 4096;

/// Where a secret comes from.
enum class SecretScheme { kEnvironment, kFile, kVault };

struct SecretReference {
  SecretScheme scheme = SecretScheme::kEnvironment;
  std::string text;   ///< as written
  std::string name;   ///< the variable, or the file's path; empty for Vault
  std::string mount;  ///< Vault only: one or more segments, `/` between them
  std::string path;   ///< Vault only: one or more segments
  std::string key;    ///< Vault only

  bool operator==(const SecretReference&) const = default;
  /// The text for an error or a log line: not longer than a line takes.
  std::string shown() const;
};

/// The reference that `text` is; nothing where it is none, as an ordinary value or a `literal:`.
/// Errors: BAD_ARGUMENT, which names the reference, for one that is not well-formed.
arrow::Result<std::optional<SecretReference>> ParseSecretReference(std::string_view text);

/// A text that is no reference as the value that it means: without a leading `literal:`.
std::string_view LiteralValue(std::string_view text);

/// `segments/with/slashes` for a URL: every byte but letters, digits and `-._~` as %XX, the slashes
/// as they are.
std::string PercentEncodeSegments(std::string_view path);

/// `text` for an error or a log line: cut to `max_bytes`, and without control characters.
std::string ForPeople(std::string_view text, size_t max_bytes);

}  // namespace longbow::secret
