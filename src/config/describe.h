/// \file
/// Settings as text for people, all made from their one definition. Pure.
#pragma once

#include <string>
#include <vector>

#include <longbow/settings.h>

#include "config/check.h"

namespace longbow::config {

/// What is in force and where it came from, as TOML with comments. Secrets are not shown.
std::string ExplainSettings(const std::vector<EffectiveSetting>& effective);

/// A settings file in which every setting is commented out, as `#name = default` without a space.
std::string SampleSettings(const std::vector<SettingsSection>& sections);

/// The reference page, in Markdown.
std::string ReferencePage(const std::vector<SettingsSection>& sections);

}  // namespace longbow::config
