/// \file
/// Authorisation: rules from who calls to what they may do.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <arrow/result.h>

#include <longbow/principal.h>

#include "access/permissions.h"

namespace longbow::access {

/// One rule, as written in the settings. An empty list gives nothing.
struct AccessRule {
  std::string name;  ///< for errors
  /// Whom it is for: identities as in `Principal::identities`, each exact or with one `*` at its
  /// end
  /// (`claim:groups=team-*`); `*` is everybody who has got in, `anonymous` included.
  std::vector<std::string> principals;
  std::vector<std::string> services;  ///< names, `prefix*`, or `*`
  std::vector<std::string> actions;   ///< names, `prefix*`, or `*`
  /// Paths, each with all that is below it; `*` is everything.
  std::vector<std::string> read;
  std::vector<std::string> write;
  bool raw_methods = false;
  bool all_tasks = false;
};

/// Rules add up, and beyond them nothing is allowed. Immutable; copies share what they know.
/// Thread-safe; nothing blocks.
class AccessRules {
 public:
  static constexpr size_t kMaxRules = 1024;
  /// Of one list of a rule.
  static constexpr size_t kMaxEntries = 1024;
  static constexpr size_t kMaxCachedPrincipals = 4096;

  /// Errors: BAD_ARGUMENT, naming the rule, the list and the entry, for what is in none of the
  /// forms above, a rule without a name or for nobody, two rules of one name, too many of them.
  static arrow::Result<AccessRules> Make(std::vector<AccessRule> rules);
  /// No rules: everybody may do everything.
  static AccessRules AllowAll();

  /// What the principal may do; never null. Worked out once for all with the same identities, and
  /// remembered for the 4096 sets of identities that were asked for last.
  std::shared_ptr<const Permissions> For(const Principal& principal) const;

  /// How many sets of identities are remembered.
  size_t cached_principals() const;

 private:
  struct State;
  explicit AccessRules(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace longbow::access
