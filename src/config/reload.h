/// \file
/// Which of the settings that were read again count without a restart. Pure.
#pragma once

#include <string>
#include <vector>

#include <longbow/settings.h>

#include "config/check.h"

namespace longbow::config {

struct Reload {
  SettingTables tables;                   ///< what counts from now on
  std::vector<std::string> changed;       ///< names of settings, or tables, that have changed
  std::vector<std::string> need_restart;  ///< those that differ, and stay as they are until then
};

/// `current` with what is reloadable in `read`. Tables of a repeated section may come and go where
/// it has a reloadable setting.
Reload MergeReloadable(const SettingTables& current, const SettingTables& read,
                       const std::vector<SettingsSection>& sections);

}  // namespace longbow::config
