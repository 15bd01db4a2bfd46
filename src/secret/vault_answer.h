/// \file
/// What Vault's answers say: JSON to values. Pure; takes any bytes. No error has any of them in it.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include <arrow/result.h>

namespace longbow::secret {

/// A token as a login, a renewal or a look-up tells of it.
struct VaultToken {
  std::string token;            ///< empty in the answer to a look-up
  std::chrono::seconds ttl{0};  ///< from now on; 0 for one that does not end
  bool is_renewable = false;
};

/// The answer to a login or a renewal: its `auth` object. Errors: COMMAND_FAILED.
arrow::Result<VaultToken> ParseLogin(const std::string& body);

/// The answer to `auth/token/lookup-self`. Errors: COMMAND_FAILED.
arrow::Result<VaultToken> ParseLookup(const std::string& body);

struct VaultSecret {
  /// Nothing where the secret has no such key.
  std::optional<std::string> value;
  std::chrono::seconds lease{0};  ///< 0 where there is none
};

/// `key` of the answer to a reading of KV version 2. A number or a boolean is given as JSON writes
/// it. Errors: COMMAND_FAILED for an answer that has not that form; BAD_ARGUMENT for a list, an
/// object or null as the key's value.
arrow::Result<VaultSecret> ParseSecret(const std::string& body, const std::string& key);

/// Whether a 404 tells of a version that was deleted or destroyed.
bool IsDeletedVersion(const std::string& body);

/// The messages of an error's answer, for people; empty where there are none. What Vault was sent
/// may be in them: the caller takes it out.
std::string ParseErrors(const std::string& body);

/// `{"name": "value", ...}`. Names and values are UTF-8; ill-formed bytes are replaced.
std::string MakeJsonObject(
    std::initializer_list<std::pair<const char*, const std::string*>> members);

}  // namespace longbow::secret
