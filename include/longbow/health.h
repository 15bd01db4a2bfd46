/// \file
/// How a module says how it is.
#pragma once

#include <string>

namespace longbow {

enum class HealthStatus {
  kOk,
  kDegraded,  ///< It serves, but not all, or not well.
  kDown,      ///< It cannot serve: the node is not ready while a module is down.
};

/// Takes a module's word on its own health. Thread-safe; does not block.
class HealthReporter {
 public:
  virtual ~HealthReporter() = default;
  /// The newest report counts, so that a module can recover. A module that reports nothing is OK
  /// from its start on.
  /// \param reason a sentence for operators, shown by `/health`; what to do about it
  virtual void Report(HealthStatus status, std::string reason = {}) = 0;
};

}  // namespace longbow
