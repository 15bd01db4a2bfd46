/// \file
/// Settings from environment variables, which win over all files.
///
/// `LONGBOW_{SECTION}__{SETTING}` in upper case; a dot of a section's name becomes `__`; in a
/// repeated section the key of its table comes between: `LONGBOW_CONNECTOR__SOURCE__NYC__PATH` is
/// `path` of `[connector.source.nyc]`. Such a key is the one from the files that it spells (upper
/// case, with `_` for what is neither letter nor digit), or else a new one in lower case. Lists are
/// written with commas between, or as a JSON list. Variables without `__` after the prefix, and
/// those with another prefix, are not settings.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <longbow/settings.h>

#include "config/document.h"

namespace longbow::config {

/// The variables of this process that begin with `LONGBOW_`, and OpenTelemetry's, `OTEL_`.
std::map<std::string, std::string> ServerEnvironment();

/// Puts the variables on top of `document`. Those that name no declared setting, or whose text
/// cannot be of its type, are problems.
void ApplyEnvironment(const std::map<std::string, std::string>& variables,
                      const std::vector<SettingsSection>& sections, Node* document,
                      std::vector<Problem>* problems);

}  // namespace longbow::config
