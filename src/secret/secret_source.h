/// \file
/// Where secrets come from: the interface.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <arrow/result.h>
#include <arrow/status.h>

#include <longbow/clock.h>

#include "secret/secret_reference.h"
#include "secret/wipe.h"

namespace longbow::secret {

/// A secret as it was read. Wiped at its end; moving it copies.
struct SecretValue {
  std::string value;
  /// When to look again; nothing where it cannot change.
  std::optional<std::chrono::milliseconds> refresh_after;
  /// What a source compares to find out cheaply whether the secret is still that one; may be empty.
  std::string version;

  ~SecretValue() { Wipe(&value); }
};

/// Thread-safe. No error text has a value in it.
class SecretSource {
 public:
  virtual ~SecretSource() = default;

  /// The secret of a reference with the source's scheme. May block, up to a bound that the
  /// implementation states.
  /// Errors: NOT_FOUND for one that is not there; NOT_READY and TIMEOUT where the source as a whole
  /// is out of reach, so that other references fare alike.
  virtual arrow::Result<SecretValue> Get(const SecretReference& reference) = 0;

  /// Whether the secret is certainly still the one that had this `version`. Does not block for
  /// long.
  virtual bool IsCurrent(const SecretReference& /*reference*/, const std::string& /*version*/) {
    return false;
  }

  /// When `Upkeep` is to be called; nothing where there is nothing to keep up.
  virtual std::optional<MonotonicTime> upkeep_due() const { return std::nullopt; }

  /// Keeps up what reading needs, such as a login. May block like `Get`. Moves `upkeep_due` on,
  /// whatever comes of it.
  virtual arrow::Status Upkeep() { return arrow::Status::OK(); }

  /// For a stop: `Get` and `Upkeep` return soon, with an error, those that wait now and all later.
  virtual void Interrupt() {}
};

}  // namespace longbow::secret
