/// \file
/// From settings to who may come in, and what they may do there.
#pragma once

#include <memory>

#include <arrow/result.h>

#include <longbow/authenticator.h>
#include <longbow/clock.h>
#include <longbow/settings.h>

#include "base/random.h"
#include "flight/gate.h"

namespace longbow::server {

/// What a policy is made of beside settings.
struct PolicyParts {
  const Clock* clock = nullptr;  ///< outlives the policy
  Random* random = nullptr;
  Logger* logger = nullptr;  ///< not null; used by `MakePolicy` only
  /// What a module brings; null where none does.
  std::shared_ptr<Authenticator> of_module;
};

/// `[auth]`, its tokens and keys, and the rules.
/// Errors: BAD_ARGUMENT, naming the setting, for what cannot be used; no value is shown.
arrow::Result<flight::GatePolicy> MakePolicy(const Settings& settings, const PolicyParts& parts);

/// Whether callers have names: then limits for each caller are of use.
bool CallersHaveNames(const Settings& settings);

}  // namespace longbow::server
