/// \file
/// What operators set beside the server itself: who may do what, secrets, health and metrics over
/// HTTP, logs and traces.
#pragma once

#include <vector>

#include <longbow/settings.h>

namespace longbow::config {

/// `[auth]`, `[auth.jwt]`, `[auth.token.NAME]`, `[access.rule.NAME]`, `[vault]`, `[http]`, `[log]`
/// and `[trace]`.
std::vector<SettingsSection> OperationSections();

}  // namespace longbow::config
