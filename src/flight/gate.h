/// \file
/// Who may come in, and what they may do there: the authenticator and the rules that count now.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include <longbow/authenticator.h>

#include "access/access_rules.h"

namespace longbow::flight {

/// Both are never null.
struct GatePolicy {
  std::shared_ptr<Authenticator> authenticator;
  std::shared_ptr<const access::AccessRules> rules;
};

/// Thread-safe. A call goes by the policy that counted when it came.
class Gate {
 public:
  explicit Gate(GatePolicy policy) : policy_(std::move(policy)) {}

  GatePolicy policy() const {
    std::lock_guard lock(mutex_);
    return policy_;
  }
  void Replace(GatePolicy policy) {
    std::lock_guard lock(mutex_);
    policy_ = std::move(policy);
  }

 private:
  mutable std::mutex mutex_;
  GatePolicy policy_;
};

}  // namespace longbow::flight
