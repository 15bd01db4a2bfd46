/// \file
/// Who calls: what authentication found out, and what access rules are written for.
#pragma once

#include <string>
#include <vector>

namespace longbow {

/// A caller. Immutable once the server has it, so safe from any thread.
struct Principal {
  /// For logs, metrics of tasks, and limits: a token's name, a JWT's `sub`, a certificate's common
  /// name; `anonymous` where nobody was asked.
  std::string name = "anonymous";
  /// What rules may name, each as `KIND:VALUE`: `token:etl`, `claim:groups=analysts`,
  /// `cert:cn=etl.example`, or a module's own kind.
  std::vector<std::string> identities;
};

}  // namespace longbow
