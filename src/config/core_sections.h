/// \file
/// The settings of the server itself; modules declare their own.
#pragma once

#include <vector>

#include <longbow/settings.h>

namespace longbow::config {

/// `[server]`. Every setting in it has an effect.
std::vector<SettingsSection> CoreSections();

}  // namespace longbow::config
